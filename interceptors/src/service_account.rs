//! Service accounts: the identities of workloads.

use std::fmt;

/// What every service account's username starts with.
const PREFIX: &str = "system:serviceaccount:";

/// A service account: the identity of a workload. It is written `namespace/name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceAccount<'a> {
    namespace: &'a str,
    name: &'a str,
}

// === impl ServiceAccount ===

impl<'a> ServiceAccount<'a> {
    /// Reads `system:serviceaccount:<namespace>:<name>`; nothing when the username is that of a person, a node or anything else.
    #[must_use]
    pub fn from_username(username: &'a str) -> Option<Self> {
        let (namespace, name) = username.strip_prefix(PREFIX)?.split_once(':')?;
        (is_dns_name(namespace) && is_dns_name(name)).then_some(Self { namespace, name })
    }

    /// The namespace it lives in.
    #[must_use]
    pub fn namespace(&self) -> &'a str {
        self.namespace
    }

    /// Its name within the namespace.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }
}

impl fmt::Display for ServiceAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Whether Kubernetes could have given an object this name: an RFC 1123 subdomain.
pub(crate) fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::ServiceAccount;

    #[test]
    fn a_service_account_is_known_by_its_username() {
        let account =
            ServiceAccount::from_username("system:serviceaccount:api:front.door").unwrap();

        assert_eq!((account.namespace(), account.name()), ("api", "front.door"));
        assert_eq!(account.to_string(), "api/front.door");
    }

    #[test]
    fn nobody_else_is_a_service_account() {
        for username in [
            "",
            "kubernetes-admin",
            "system:node:vm",
            "system:anonymous",
            "system:serviceaccount:",
            "system:serviceaccount:api",
            "system:serviceaccount:api:",
            "system:serviceaccount::api",
            "system:serviceaccount:api:api:api",
            "system:serviceaccount:api/x:api",
            "system:serviceaccount:api:*",
            "system:serviceaccount:API:api",
            "x:system:serviceaccount:api:api",
        ] {
            assert_eq!(ServiceAccount::from_username(username), None, "{username}");
        }
    }
}
