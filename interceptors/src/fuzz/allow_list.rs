//! The text of a flag → who may call.

use http::Request;

use crate::{
    AllowList, AllowListError, Authorize as _, Identity, ServiceAccount, UserInfo,
    fuzz::service_account::is_subdomain,
};

/// How many of the entries are asked about: enough, and it costs little however long the text.
const ENTRIES: usize = 8;

/// Reads the text as an allow-list, and asks it about those it names and about some who only look like them.
///
/// - It is a list exactly when every entry is one, and never an empty list.
/// - It admits whom an entry names, and nobody else.
/// - What it is written as is read as the same list.
/// - What is wrong with it is named as it stands in the text.
///
/// # Panics
///
/// When any of this does not hold.
pub fn allow_list(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };

    let list = text.parse::<AllowList>();

    match list {
        Ok(list) => {
            assert!(entries(text).all(is_entry), "{list}");
            let written = list.to_string();
            assert_ne!(written, "");
            assert_eq!(written.parse().as_ref(), Ok(&list));
            for (namespace, name) in entries(text)
                .take(ENTRIES)
                .filter_map(|e| e.split_once('/'))
            {
                check(&list, text, namespace, name);
            }
        }
        Err(AllowListError::Empty) => assert_eq!(text.trim(), ""),
        Err(AllowListError::Entry { entry }) => {
            assert_ne!(text.trim(), "");
            assert!(entries(text).any(|each| each == entry), "{entry:?}");
            assert!(!is_entry(&entry), "{entry:?}");
        }
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn is_entry(entry: &str) -> bool {
    match entry.split('/').collect::<Vec<_>>().as_slice() {
        [namespace, name] => is_subdomain(namespace) && (*name == "*" || is_subdomain(name)),
        _ => false,
    }
}

/// Asks about one who is named, and about the neighbours.
fn check(list: &AllowList, text: &str, namespace: &str, name: &str) {
    let name = if name == "*" { "default" } else { name };
    assert!(admits(list, namespace, name), "{namespace}/{name}");
    let longer = |text: &str| format!("{text}2");
    let shorter = |text: &str| text.split_at(text.len() - 1).0.to_owned();
    for (namespace, name) in [
        (namespace.to_owned(), longer(name)),
        (namespace.to_owned(), shorter(name)),
        (namespace.to_owned(), "default".to_owned()),
        (longer(namespace), name.to_owned()),
        (shorter(namespace), name.to_owned()),
        (name.to_owned(), namespace.to_owned()),
    ] {
        if is_subdomain(&namespace) && is_subdomain(&name) {
            let is_named = entries(text).any(|entry| {
                entry == format!("{namespace}/{name}") || entry == format!("{namespace}/*")
            });
            assert_eq!(
                admits(list, &namespace, &name),
                is_named,
                "{namespace}/{name}"
            );
        }
    }
}

fn admits(list: &AllowList, namespace: &str, name: &str) -> bool {
    let username = format!("system:serviceaccount:{namespace}:{name}");
    let account = ServiceAccount::from_username(&username).expect("the names must be names");
    let (request, ()) = Request::new(()).into_parts();
    let identity = Identity::from(UserInfo::default());
    let decided = list.authorize_now(&identity, account, &request);
    decided.expect("a list must decide at once").is_ok()
}
