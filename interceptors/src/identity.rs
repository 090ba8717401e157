//! Who a caller is, once Kubernetes has said so.

use std::{collections::BTreeMap, fmt, time::SystemTime};

use crate::{Audience, ServiceAccount};

/// Keys of `user.extra` that kube-apiserver fills for service-account tokens (KEP-4193).
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const NODE_UID: &str = "authentication.kubernetes.io/node-uid";
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// What an authenticator found out about the owner of a token.
///
/// It is what was found, not what was decided: it admits nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
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

/// A [`UserInfo`] as it is kept: in little memory, for as many callers as there are, and never changed.
///
/// An `Identity` alone admits nobody either. The proof that every check was passed is a [`Caller`](crate::Caller).
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// One after the other: username, uid, the groups, the audiences, and of `extra` a key for each value, and the value.
    text: Box<str>,
    /// Where in it each of them ends.
    ends: Box<[u32]>,
    groups: usize,
    audiences: usize,
    expires_at: Option<SystemTime>,
}

/// A Kubernetes object that a token is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundObject<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its uid, which no other object ever has.
    pub uid: Option<&'a str>,
}

// === impl Identity ===

impl Identity {
    /// For example `system:serviceaccount:api:api`.
    #[must_use]
    pub fn username(&self) -> &str {
        self.text(0)
    }

    /// The uid of the service account.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.text(1)
    }

    /// The groups Kubernetes counts it among.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &str> {
        (2..2 + self.groups).map(|index| self.text(index))
    }

    /// The audiences the token is good for, among those that were asked about.
    pub fn audiences(&self) -> impl ExactSizeIterator<Item = &str> {
        let first = 2 + self.groups;
        (first..first + self.audiences).map(|index| self.text(index))
    }

    /// Whether it was found to be good for `audience`.
    ///
    /// An authority that knows nothing of audiences confirms none. That does not pass for "any".
    #[must_use]
    pub fn is_meant_for(&self, audience: &Audience) -> bool {
        self.audiences()
            .any(|confirmed| confirmed == audience.as_str())
    }

    /// What else Kubernetes knows, as keys and values; a key with many values comes many times.
    pub fn extra(&self) -> impl Iterator<Item = (&str, &str)> {
        let first = 2 + self.groups + self.audiences;
        let keys = (first..self.ends.len()).step_by(2);
        keys.map(|index| (self.text(index), self.text(index + 1)))
    }

    /// When the token expires, if it says so.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// The service account it names, if its username is that of one.
    #[must_use]
    pub fn service_account(&self) -> Option<ServiceAccount<'_>> {
        ServiceAccount::from_username(self.username())
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
        self.first(CREDENTIAL_ID)
    }

    fn bound_object(&self, name: &str, uid: &str) -> Option<BoundObject<'_>> {
        Some(BoundObject {
            name: self.first(name)?,
            uid: self.first(uid),
        })
    }

    fn first(&self, key: &str) -> Option<&str> {
        let mut extra = self.extra();
        extra.find_map(|(other, value)| (other == key).then_some(value))
    }

    fn text(&self, index: usize) -> &str {
        let end = |index: usize| self.ends.get(index).map_or(0, |end| *end as usize);
        let start = index.checked_sub(1).map_or(0, end);
        self.text
            .get(start..end(index))
            .expect("the ends must lie in the text")
    }
}

impl From<UserInfo> for Identity {
    fn from(user: UserInfo) -> Self {
        let extra = user
            .extra
            .iter()
            .flat_map(|(key, values)| values.iter().flat_map(move |value| [key, value]));
        let named = [&user.username, &user.uid];
        let texts = named
            .into_iter()
            .chain(&user.groups)
            .chain(&user.audiences)
            .chain(extra);
        let (mut text, mut ends) = (String::new(), Vec::new());
        for each in texts {
            text.push_str(each);
            ends.push(u32::try_from(text.len()).expect("an identity must be shorter than 4 GiB"));
        }
        Self {
            text: text.into_boxed_str(),
            ends: ends.into_boxed_slice(),
            groups: user.groups.len(),
            audiences: user.audiences.len(),
            expires_at: user.expires_at,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("username", &self.username())
            .field("uid", &self.uid())
            .field("groups", &self.groups().collect::<Vec<_>>())
            .field("audiences", &self.audiences().collect::<Vec<_>>())
            .field("extra", &self.extra().collect::<Vec<_>>())
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::{BoundObject, Identity, UserInfo};

    fn mk_extra(pairs: &[(&str, &str)]) -> UserInfo {
        let extra = pairs.iter().map(|(key, value)| {
            (
                format!("authentication.kubernetes.io/{key}"),
                vec![(*value).to_owned()],
            )
        });
        UserInfo {
            extra: extra.collect(),
            ..UserInfo::default()
        }
    }

    #[test]
    fn an_identity_says_all_that_was_found() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let identity = Identity::from(UserInfo {
            username: "system:serviceaccount:api:api".to_owned(),
            uid: "1".to_owned(),
            groups: words("system:serviceaccounts system:authenticated"),
            extra: [("k".to_owned(), words("v w")), ("l".to_owned(), words("x"))].into(),
            audiences: words("data-store other"),
            expires_at: Some(UNIX_EPOCH),
        });

        assert_eq!(identity.username(), "system:serviceaccount:api:api");
        assert_eq!(identity.uid(), "1");
        assert!(
            identity
                .groups()
                .eq(["system:serviceaccounts", "system:authenticated"])
        );
        assert!(identity.audiences().eq(["data-store", "other"]));
        assert!(identity.extra().eq([("k", "v"), ("k", "w"), ("l", "x")]));
        assert_eq!(identity.expires_at(), Some(UNIX_EPOCH));
        assert_eq!(identity.service_account().unwrap().to_string(), "api/api");
    }

    #[test]
    fn of_nobody_nothing_is_known() {
        let nobody = Identity::from(UserInfo::default());

        assert_eq!((nobody.username(), nobody.uid()), ("", ""));
        assert_eq!((nobody.groups().len(), nobody.audiences().len()), (0, 0));
        assert_eq!(
            (nobody.pod(), nobody.node(), nobody.credential_id()),
            (None, None, None)
        );
    }

    #[test]
    fn extra_names_pod_node_and_credential() {
        let identity = Identity::from(mk_extra(&[
            ("credential-id", "JTI=1"),
            ("pod-name", "api-0"),
            ("pod-uid", "2"),
            ("node-name", "nowhere"),
        ]));

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
