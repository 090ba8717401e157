//! Who a caller is, once Kubernetes has said so.

use std::{collections::BTreeMap, fmt, time::SystemTime};

/// What every service account's username starts with.
const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// Keys of `user.extra` that kube-apiserver fills for service-account tokens (KEP-4193).
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const NODE_UID: &str = "authentication.kubernetes.io/node-uid";
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// Who a token belongs to, as an authenticator found out.
///
/// It is what was found, not what was decided: an `Identity` alone admits nobody. The proof that every check was passed is a
/// [`Caller`](crate::Caller).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// For example `system:serviceaccount:api:api`.
    pub username: String,
    /// The uid of the service account.
    pub uid: String,
    /// The groups Kubernetes counts it among.
    pub groups: Vec<String>,
    /// What else Kubernetes knows: the pod and the node the token is bound to, the id of the credential.
    pub extra: BTreeMap<String, Vec<String>>,
    /// The audiences the token is good for, among those that were asked about.
    pub audiences: Vec<String>,
    /// When the token expires, if it says so.
    pub expires_at: Option<SystemTime>,
}

/// A Kubernetes object that a token is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundObject<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its uid, which no other object ever has.
    pub uid: Option<&'a str>,
}

/// A service account: the identity of a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceAccount {
    namespace: String,
    name: String,
}

// === impl Identity ===

impl Identity {
    /// The service account it names, if its username is that of one.
    #[must_use]
    pub fn service_account(&self) -> Option<ServiceAccount> {
        ServiceAccount::from_username(&self.username)
    }

    /// The pod the token is bound to, if it is bound to one.
    #[must_use]
    pub fn pod(&self) -> Option<BoundObject<'_>> {
        self.bound_object(POD_NAME, POD_UID)
    }

    /// The node of that pod, if the token names it.
    #[must_use]
    pub fn node(&self) -> Option<BoundObject<'_>> {
        self.bound_object(NODE_NAME, NODE_UID)
    }

    /// What the API server's audit log calls the token, for example `JTI=fd09b4bb-77e3-4688-b9a7-c17ccf44cd85`.
    #[must_use]
    pub fn credential_id(&self) -> Option<&str> {
        self.extra(CREDENTIAL_ID)
    }

    fn bound_object(&self, name: &str, uid: &str) -> Option<BoundObject<'_>> {
        Some(BoundObject {
            name: self.extra(name)?,
            uid: self.extra(uid),
        })
    }

    fn extra(&self, key: &str) -> Option<&str> {
        self.extra.get(key)?.first().map(String::as_str)
    }
}

// === impl ServiceAccount ===

impl ServiceAccount {
    /// Reads `system:serviceaccount:<namespace>:<name>`; nothing when the username is that of a person, a node or anything else.
    #[must_use]
    pub fn from_username(username: &str) -> Option<Self> {
        let (namespace, name) = username
            .strip_prefix(SERVICE_ACCOUNT_PREFIX)?
            .split_once(':')?;
        (is_dns_name(namespace) && is_dns_name(name)).then(|| Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The namespace it lives in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name within the namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ServiceAccount {
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
    use super::{BoundObject, Identity, ServiceAccount};

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

    #[test]
    fn extra_names_pod_node_and_credential() {
        let mut identity = Identity::default();
        assert_eq!(
            (identity.pod(), identity.node(), identity.credential_id()),
            (None, None, None)
        );

        for (key, value) in [
            ("credential-id", "JTI=1"),
            ("pod-name", "api-0"),
            ("pod-uid", "2"),
            ("node-name", "nowhere"),
        ] {
            identity.extra.insert(
                format!("authentication.kubernetes.io/{key}"),
                vec![value.to_owned()],
            );
        }

        assert_eq!(
            identity.pod(),
            Some(BoundObject {
                name: "api-0",
                uid: Some("2")
            })
        );
        assert_eq!(
            identity.node(),
            Some(BoundObject {
                name: "nowhere",
                uid: None
            })
        );
        assert_eq!(identity.credential_id(), Some("JTI=1"));
    }
}
