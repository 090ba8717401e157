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
fn whatever_the_path_its_key_is_read_as_written_and_never_climbs() {
    run_seeds("key", super::key);
}

#[test]
fn whatever_the_query_its_pairs_are_read_as_written() {
    run_seeds("pairs", super::pairs);
}

#[test]
fn whatever_the_url_asks_only_what_the_contract_has_becomes_a_message() {
    run_seeds("request", super::request);
}
