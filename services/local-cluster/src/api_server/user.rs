//! Who a request is from, as Kubernetes names them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The group that may do everything, whatever the roles say.
pub(crate) const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const NODES: &str = "system:nodes";
const NODE_PREFIX: &str = "system:node:";
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// A user as the authorizer sees it: a person, a node, a service account, or nobody in particular.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct User {
    pub(crate) username: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

// === impl User ===

impl User {
    /// The administrator: in the group `system:masters`, so no role limits it.
    #[must_use]
    pub fn admin() -> Self {
        Self::named("kubernetes-admin", [MASTERS, AUTHENTICATED])
    }

    /// The kubelet of a node. It may request tokens for the pods on that node and no others.
    #[must_use]
    pub fn node(name: &str) -> Self {
        Self::named(&format!("{NODE_PREFIX}{name}"), [NODES, AUTHENTICATED])
    }

    /// Whoever sends no credentials.
    pub(crate) fn anonymous() -> Self {
        Self::named("system:anonymous", ["system:unauthenticated"])
    }

    pub(crate) fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        let mut user = Self::named(
            &format!("{ACCOUNT_PREFIX}{namespace}:{name}"),
            [
                "system:serviceaccounts",
                &format!("system:serviceaccounts:{namespace}"),
                AUTHENTICATED,
            ],
        );
        uid.clone_into(&mut user.uid);
        user
    }

    /// The node whose kubelet this is.
    pub(crate) fn node_name(&self) -> Option<&str> {
        let name = self.username.strip_prefix(NODE_PREFIX)?;
        self.is_in(NODES).then_some(name)
    }

    /// Namespace and name, when this is a service account.
    pub(crate) fn account(&self) -> Option<(&str, &str)> {
        self.username.strip_prefix(ACCOUNT_PREFIX)?.split_once(':')
    }

    pub(crate) fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
    }

    /// As `status.user` of a TokenReview has it: what is empty is absent.
    pub(crate) fn to_json(&self) -> Value {
        let mut user = json!({ "username": self.username });
        if !self.uid.is_empty() {
            user["uid"] = json!(self.uid);
        }
        if !self.groups.is_empty() {
            user["groups"] = json!(self.groups);
        }
        if !self.extra.is_empty() {
            user["extra"] = json!(self.extra);
        }
        user
    }

    fn named<'a>(username: &str, groups: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            username: username.to_owned(),
            groups: groups.into_iter().map(str::to_owned).collect(),
            ..Self::default()
        }
    }
}
