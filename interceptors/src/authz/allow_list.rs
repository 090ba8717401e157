//! A list of the service accounts that may call.

use std::{collections::HashSet, fmt, str::FromStr};

use http::request::Parts;

use crate::{Authorize, Identity, Refusal, ServiceAccount, identity::is_dns_name};

/// The service accounts that may call, written `namespace/name` or `namespace/*`, separated by commas.
///
/// It is never empty: a list that names nobody is more likely a slip than a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    accounts: HashSet<String>,
    namespaces: HashSet<String>,
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
        let mut list = Self {
            accounts: HashSet::new(),
            namespaces: HashSet::new(),
        };
        for entry in text.split(',').map(str::trim) {
            match entry.split_once('/') {
                Some((namespace, "*")) if is_dns_name(namespace) => {
                    list.namespaces.insert(namespace.to_owned());
                }
                Some((namespace, name)) if is_dns_name(namespace) && is_dns_name(name) => {
                    list.accounts.insert(entry.to_owned());
                }
                _ => {
                    return Err(AllowListError::Entry {
                        entry: entry.to_owned(),
                    });
                }
            }
        }
        Ok(list)
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries: Vec<String> = self
            .namespaces
            .iter()
            .map(|namespace| format!("{namespace}/*"))
            .collect();
        entries.extend(self.accounts.iter().cloned());
        entries.sort_unstable();
        f.write_str(&entries.join(","))
    }
}

impl Authorize for AllowList {
    async fn authorize(
        &self,
        _identity: &Identity,
        account: &ServiceAccount,
        _request: &Parts,
    ) -> Result<(), Refusal> {
        if self.namespaces.contains(account.namespace())
            || self.accounts.contains(&account.to_string())
        {
            Ok(())
        } else {
            Err(Refusal::NotAllowed)
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::{AllowList, AllowListError};
    use crate::{Authorize as _, Identity, Refusal, ServiceAccount};

    async fn decide(list: &str, account: &str) -> Result<(), Refusal> {
        let list: AllowList = list.parse().unwrap();
        let account =
            ServiceAccount::from_username(&format!("system:serviceaccount:{account}")).unwrap();
        let (request, ()) = Request::new(()).into_parts();
        list.authorize(&Identity::default(), &account, &request)
            .await
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
        let list: AllowList = "jobs/*,api/api".parse().unwrap();

        assert_eq!(list.to_string(), "api/api,jobs/*");
        assert_eq!(list.to_string().parse(), Ok(list));
    }
}
