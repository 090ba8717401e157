//! A start that cannot be: every problem in one answer, each under its flag, and exit code 64.

use std::{
    fs,
    net::TcpListener,
    process::{Command, Output},
};

fn start(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_api"))
        .args(["--admin-addr", "127.0.0.1:0"])
        .args(flags)
        .env_clear()
        .output()
        .expect("the program must be there")
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("it speaks text")
}

#[test]
fn every_problem_is_told_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();

    let output = start(&[
        "--listen-addr",
        &addr,
        "--token-path",
        "/no/such/token",
        "--data-store-connstring",
        "ftp://somewhere",
    ]);

    assert_eq!(output.status.code(), Some(64));
    let said = said(&output);
    for line in [
        format!("--listen-addr: cannot listen on {addr}: the address is in use"),
        "--token-path: no usable token in /no/such/token: there is no such file; mount".to_owned(),
        "--data-store-connstring: \"ftp://somewhere\": only http is spoken".to_owned(),
    ] {
        assert!(said.contains(&line), "{line:?} is not in {said}");
    }
}

#[test]
fn a_token_is_not_sent_in_plaintext_to_another_machine_unless_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api-token");
    fs::write(&path, "a-token").unwrap();
    let path = path.display().to_string();

    let output = start(&[
        "--listen-addr",
        "127.0.0.1:0",
        "--token-path",
        &path,
        "--data-store-connstring",
        "app.data-store.svc:80",
    ]);

    assert_eq!(output.status.code(), Some(64));
    let said = said(&output);
    assert!(
        said.contains("http://app.data-store.svc:80/ is neither https nor on this machine"),
        "{said}"
    );
    assert!(said.contains("--allow-plaintext-token"), "{said}");
}
