//! A list of the service accounts that may call.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use http::request::Parts;

use crate::{Authorize, Identity, Refusal, ServiceAccount, service_account::is_dns_name};

/// The service accounts that may call, written `namespace/name` or `namespace/*`, separated by commas.
///
/// It is never empty: a list that names nobody is more likely a slip than a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    /// By namespace.
    namespaces: BTreeMap<String, Names>,
}

/// Who may call of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    everybody: bool,
    names: BTreeSet<String>,
}

/// The text is no allow-list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    /// It names nobody, so nobody could call.
    #[error("names nobody; list who may call, for example api/api,jobs/*")]
    Empty,
    /// One of its entries is neither `namespace/name` nor `namespace/*`.
    #[error("{entry:?} is not of the form namespace/name or namespace/*")]
    Entry {
        /// The entry as it stands.
        entry: String,
    },
}

// === impl AllowList ===

impl FromStr for AllowList {
    type Err = AllowListError;

    fn from_str(text: &str) -> Result<Self, AllowListError> {
        if text.trim().is_empty() {
            return Err(AllowListError::Empty);
        }
        let mut namespaces = BTreeMap::<String, Names>::new();
        for entry in text.split(',').map(str::trim) {
            match entry.split_once('/') {
                Some((namespace, "*")) if is_dns_name(namespace) => {
                    let names = namespaces.entry(namespace.to_owned()).or_default();
                    names.everybody = true;
                }
                Some((namespace, name)) if is_dns_name(namespace) && is_dns_name(name) => {
                    let names = namespaces.entry(namespace.to_owned()).or_default();
                    names.names.insert(name.to_owned());
                }
                _ => {
                    return Err(AllowListError::Entry {
                        entry: entry.to_owned(),
                    });
                }
            }
        }
        Ok(Self { namespaces })
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries = Vec::new();
        for (namespace, names) in &self.namespaces {
            entries.extend(names.everybody.then(|| format!("{namespace}/*")));
            entries.extend(names.names.iter().map(|name| format!("{namespace}/{name}")));
        }
        f.write_str(&entries.join(","))
    }
}

impl AllowList {
    fn decide(&self, account: ServiceAccount<'_>) -> Result<(), Refusal> {
        let is_named = |names: &Names| names.everybody || names.names.contains(account.name());
        if self
            .namespaces
            .get(account.namespace())
            .is_some_and(is_named)
        {
            Ok(())
        } else {
            Err(Refusal::NotAllowed)
        }
    }
}

impl Authorize for AllowList {
    async fn authorize(
        &self,
        _identity: &Identity,
        account: ServiceAccount<'_>,
        _request: &Parts,
    ) -> Result<(), Refusal> {
        self.decide(account)
    }

    fn authorize_now(
        &self,
        _identity: &Identity,
        account: ServiceAccount<'_>,
        _request: &Parts,
    ) -> Option<Result<(), Refusal>> {
        Some(self.decide(account))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::{AllowList, AllowListError};
    use crate::{Authorize as _, Identity, Refusal, ServiceAccount, UserInfo};

    async fn decide(list: &str, account: &str) -> Result<(), Refusal> {
        let list: AllowList = list.parse().unwrap();
        let username = format!("system:serviceaccount:{account}");
        let account = ServiceAccount::from_username(&username).unwrap();
        let (request, ()) = Request::new(()).into_parts();
        let identity = Identity::from(UserInfo::default());
        list.authorize(&identity, account, &request).await
    }

    #[tokio::test]
    async fn admits_whom_it_names_and_nobody_else() {
        let list = "api/api, jobs/*,";
        assert_eq!(
            list.parse::<AllowList>(),
            Err(AllowListError::Entry {
                entry: String::new()
            })
        );

        let list = "api/api, jobs/*";
        for account in ["api:api", "jobs:nightly", "jobs:default"] {
            assert_eq!(decide(list, account).await, Ok(()), "{account}");
        }
        for account in [
            "api:default",
            "api:api2",
            "other:api",
            "jobs2:nightly",
            "job:s",
        ] {
            assert_eq!(
                decide(list, account).await,
                Err(Refusal::NotAllowed),
                "{account}"
            );
        }
    }

    #[test]
    fn a_list_that_names_nobody_is_refused() {
        for text in ["", " ", "\n"] {
            assert_eq!(
                text.parse::<AllowList>(),
                Err(AllowListError::Empty),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_entry_of_another_form_is_refused_by_name() {
        for entry in [
            "api",
            "api/",
            "/api",
            "*",
            "*/*",
            "*/api",
            "api/a*",
            "api/api/api",
            "api:api",
            "API/api",
            "-/x",
        ] {
            let error = AllowListError::Entry {
                entry: entry.to_owned(),
            };
            assert_eq!(
                format!("ok/ok,{entry}").parse::<AllowList>(),
                Err(error),
                "{entry}"
            );
        }
    }

    #[test]
    fn display_reads_back_as_the_same_list() {
        let list: AllowList = "jobs/nightly,jobs/*,api/api".parse().unwrap();

        assert_eq!(list.to_string(), "api/api,jobs/*,jobs/nightly");
        assert_eq!(list.to_string().parse(), Ok(list));
    }
}
