use std::path::PathBuf;

use super::{EtcdAddress, Tls, User};

fn mk_address(given: &str) -> EtcdAddress {
    EtcdAddress::parse(given).unwrap()
}

fn refusal(given: &str) -> String {
    EtcdAddress::parse(given).unwrap_err().to_string()
}

#[test]
fn members_are_what_the_commas_part() {
    let address = mk_address("a.example:2379,127.0.0.1:1,[::1]:65535");

    assert_eq!(
        address.members,
        ["a.example:2379", "127.0.0.1:1", "[::1]:65535"]
    );
}

#[test]
fn without_options_it_speaks_plainly_of_records() {
    let address = mk_address("h:1");

    assert_eq!(address.prefix, "/records/");
    assert_eq!((address.tls, address.user), (None, None));
}

#[test]
fn prefixes_end_with_a_slash_so_that_none_begins_another() {
    assert_eq!(mk_address("h:1?prefix=/a").prefix, "/a/");
    assert_eq!(mk_address("h:1?prefix=/a/").prefix, "/a/");
    assert_eq!(mk_address("h:1?prefix=/").prefix, "/");
}

#[test]
fn each_option_of_tls_turns_it_on() {
    for given in ["tls", "ca=/ca", "server-name=etcd", "cert=/c&key=/k"] {
        assert!(mk_address(&format!("h:1?{given}")).tls.is_some(), "{given}");
    }
}

#[test]
fn options_are_taken_in_any_order() {
    let address =
        mk_address("h:1?password-file=/p&key=/k&server-name=etcd&user=root&ca=/ca&cert=/c&tls");

    let tls = Tls {
        ca: Some(PathBuf::from("/ca")),
        identity: Some((PathBuf::from("/c"), PathBuf::from("/k"))),
        server_name: Some("etcd".to_owned()),
    };
    let user = User {
        name: "root".to_owned(),
        password_file: PathBuf::from("/p"),
    };
    assert_eq!((address.tls, address.user), (Some(tls), Some(user)));
}

#[test]
fn what_is_no_member_is_refused_by_name() {
    for given in [
        "",
        "h",
        ":1",
        "h:",
        "h:0",
        "h:65536",
        "h:x",
        "::1:2",
        "http://h:1",
        "h:1/x",
        "h 1:1",
    ] {
        let refusal = refusal(&format!("a:1,{given}"));

        assert!(refusal.starts_with(&format!("`{given}`")), "{refusal}");
        assert!(refusal.contains("HOST:PORT"), "{refusal}");
    }
}

#[test]
fn what_is_no_option_is_refused_and_told_what_there_is() {
    for (given, told) in [
        ("", "no option ``"),
        ("colour=red", "no option `colour`"),
        ("tls=yes", "give it without"),
        ("ca", "give ca=…"),
        ("prefix=", "give prefix=…"),
        ("ca=/a&ca=/b", "`ca` is given twice"),
        ("tls&tls", "`tls` is given twice"),
        ("cert=/c", "without `key`"),
        ("key=/k", "without `cert`"),
        ("user=u", "without `password-file`"),
        ("password-file=/p", "without `user`"),
    ] {
        let refusal = refusal(&format!("h:1?{given}"));

        assert!(refusal.contains(told), "{given}: {refusal}");
    }
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    for given in [
        "root:geheim@h:1",
        "h:1?user=root&password=geheim",
        "h:1?passwort=geheim",
    ] {
        let refusal = refusal(given);

        assert!(!refusal.contains("geheim"), "{refusal}");
        assert!(refusal.contains("password-file"), "{refusal}");
    }
}
