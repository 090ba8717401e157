use std::{fs, path::Path};

/// Runs one function over every file in its folder of seeds.
fn run_seeds(target: &str, run: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);

    let mut files = 0;
    for file in fs::read_dir(seeds).unwrap() {
        run(&fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }

    assert_ne!(files, 0, "{target} has no seeds");
}

#[test]
fn whatever_the_headers_hold_they_are_taken_and_no_token_is_shown() {
    run_seeds("bearer", super::bearer);
}

#[test]
fn whatever_a_token_says_of_itself_it_is_read_as_written() {
    run_seeds("claims", super::claims);
}

#[test]
fn whatever_is_answered_only_a_plain_yes_is_one() {
    run_seeds("answer", super::answer);
}

#[test]
fn whatever_the_username_only_a_service_account_is_one() {
    run_seeds("service_account", super::service_account);
}

#[test]
fn whatever_a_list_says_it_admits_whom_it_names_and_nobody_else() {
    run_seeds("allow_list", super::allow_list);
}
