//! A start that cannot be: every problem in one answer, each under its flag, and exit code 64.

use std::{
    net::TcpListener,
    process::{Command, Output},
};

fn start(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_data-store"))
        .args(flags)
        .env_clear()
        // The default is a file where the test happens to run.
        .env("STORAGE", "memory:")
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
        "--admin-addr",
        &addr,
        "--storage",
        "redb:/no/such/folder/records.redb",
        "--kubeconfig",
        "/no/such/kubeconfig",
    ]);

    assert_eq!(output.status.code(), Some(64));
    let said = said(&output);
    for line in [
        format!("--listen-addr: cannot listen on {addr}: the address is in use"),
        format!("--admin-addr: cannot listen on {addr}: the address is in use"),
        "--audience: is empty".to_owned(),
        "--allow: names nobody".to_owned(),
        "--storage: cannot open redb:/no/such/folder/records.redb".to_owned(),
        "--kubeconfig: there is no usable way to the Kubernetes API".to_owned(),
    ] {
        assert!(said.contains(&line), "{line:?} is not in {said}");
    }
}

#[test]
fn what_cannot_be_understood_is_told_as_it_stands() {
    for (flag, value, complaint) in [
        ("--audience", "two words", "--audience: has white space"),
        ("--allow", "api", "--allow: \"api\" is not of the form"),
        (
            "--storage",
            "floppy:a",
            "--storage: `floppy:a` is no storage",
        ),
        ("--storage", "redb:", "--storage: "),
    ] {
        let output = start(&[
            "--listen-addr",
            "127.0.0.1:0",
            "--admin-addr",
            "127.0.0.1:0",
            flag,
            value,
        ]);

        assert_eq!(output.status.code(), Some(64), "{flag} {value}");
        assert!(said(&output).contains(complaint), "{}", said(&output));
    }
}

#[test]
fn bad_usage_exits_64_too_and_help_does_not() {
    assert_eq!(start(&["--no-such-flag"]).status.code(), Some(64));
    for (flag, value) in [
        ("--listen-addr", "nowhere"),
        ("--review-timeout", "0s"),
        ("--review-timeout", "soon"),
        ("--max-reviews-in-flight", "0"),
        ("--max-reviews-in-flight", "18446744073709551615"),
    ] {
        let output = start(&[flag, value]);

        assert_eq!(output.status.code(), Some(64), "{flag} {value}");
        assert!(said(&output).contains(flag), "{}", said(&output));
    }

    let help = start(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for flag in [
        "--audience <AUDIENCE>",
        "--allow <ALLOW>",
        "[env: LISTEN_ADDR=]",
        "--storage <STORAGE>",
    ] {
        assert!(text.contains(flag), "{text}");
    }
}

#[test]
fn a_log_filter_that_cannot_be_understood_is_told_and_not_replaced() {
    let output = Command::new(env!("CARGO_BIN_EXE_data-store"))
        .env_clear()
        .env("STORAGE", "memory:")
        .env("RUST_LOG", "info,tonic=dbug")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(64));
    assert!(said(&output).contains("RUST_LOG: "), "{}", said(&output));
}
