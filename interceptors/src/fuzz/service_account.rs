//! A username → a service account, or nobody.

use crate::ServiceAccount;

/// Reads the text as a username, and as what follows the prefix in one.
///
/// - It is a service account's exactly when it has four parts, the first two those of every service account and the others names that
///   Kubernetes could have given.
/// - The account has those names, and what it is written as says the same.
///
/// # Panics
///
/// When any of this does not hold.
pub fn service_account(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        check(text);
        check(&format!("system:serviceaccount:{text}"));
    }
}

fn check(username: &str) {
    let account = ServiceAccount::from_username(username);

    let parts = username.split(':').collect::<Vec<_>>();
    let expected = match parts.as_slice() {
        ["system", "serviceaccount", namespace, name] => Some((*namespace, *name)),
        _ => None,
    };
    let expected =
        expected.filter(|(namespace, name)| is_subdomain(namespace) && is_subdomain(name));
    let names = account.map(|account| (account.namespace(), account.name()));
    assert_eq!(names, expected);

    if let Some(account) = account {
        let written = account.to_string();
        let (namespace, name) = written.split_once('/').expect("there must be a slash");
        let read = format!("system:serviceaccount:{namespace}:{name}");
        assert_eq!(read, username);
        assert_eq!(ServiceAccount::from_username(&read), Some(account));
    }
}

/// RFC 1123, as Kubernetes has it: letters and digits, with single dots or any number of hyphens between them.
pub(super) fn is_subdomain(text: &str) -> bool {
    let mut before = '.';
    for c in text.chars() {
        let fits = match c {
            'a'..='z' | '0'..='9' => true,
            '-' => before != '.',
            '.' => before != '.' && before != '-',
            _ => false,
        };
        if !fits {
            return false;
        }
        before = c;
    }
    before != '.' && before != '-' && text.len() <= 253
}
