//! The kinds of object the stand-in keeps: one table, everything else is generic over it.

use crate::api_server::failure::GroupResource;

/// A kind of object, and how its API speaks of it.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) short: &'static [&'static str],
    pub(crate) is_namespaced: bool,
    /// Whether a deletion answers with the deleted object, rather than with a `Status`.
    pub(crate) returns_deleted: bool,
}

pub(crate) static NAMESPACE: Kind = Kind {
    group: "",
    name: "Namespace",
    plural: "namespaces",
    singular: "namespace",
    short: &["ns"],
    is_namespaced: false,
    returns_deleted: true,
};
pub(crate) static NODE: Kind = Kind {
    group: "",
    name: "Node",
    plural: "nodes",
    singular: "node",
    short: &["no"],
    is_namespaced: false,
    returns_deleted: false,
};
pub(crate) static POD: Kind = Kind {
    group: "",
    name: "Pod",
    plural: "pods",
    singular: "pod",
    short: &["po"],
    is_namespaced: true,
    returns_deleted: true,
};
pub(crate) static SERVICE_ACCOUNT: Kind = Kind {
    group: "",
    name: "ServiceAccount",
    plural: "serviceaccounts",
    singular: "serviceaccount",
    short: &["sa"],
    is_namespaced: true,
    returns_deleted: true,
};
pub(crate) static CLUSTER_ROLE: Kind = Kind {
    group: "rbac.authorization.k8s.io",
    name: "ClusterRole",
    plural: "clusterroles",
    singular: "clusterrole",
    short: &[],
    is_namespaced: false,
    returns_deleted: false,
};
pub(crate) static CLUSTER_ROLE_BINDING: Kind = Kind {
    group: "rbac.authorization.k8s.io",
    name: "ClusterRoleBinding",
    plural: "clusterrolebindings",
    singular: "clusterrolebinding",
    short: &[],
    is_namespaced: false,
    returns_deleted: false,
};

/// Every kind there is.
pub(crate) static KINDS: [&Kind; 6] = [
    &NAMESPACE,
    &NODE,
    &POD,
    &SERVICE_ACCOUNT,
    &CLUSTER_ROLE,
    &CLUSTER_ROLE_BINDING,
];

// === impl Kind ===

impl Kind {
    pub(crate) fn of_resource(group: &str, plural: &str) -> Option<&'static Self> {
        KINDS
            .into_iter()
            .find(|kind| kind.group == group && kind.plural == plural)
    }

    pub(crate) fn of_object(api_version: &str, name: &str) -> Option<&'static Self> {
        KINDS
            .into_iter()
            .find(|kind| kind.name == name && kind.api_version() == api_version)
    }

    pub(crate) fn of_plural(plural: &str) -> Option<&'static Self> {
        KINDS.into_iter().find(|kind| kind.plural == plural)
    }

    /// `v1`, or `group/v1`.
    pub(crate) fn api_version(&self) -> String {
        match self.group {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        }
    }

    pub(crate) fn resource(&self) -> GroupResource<'static> {
        GroupResource {
            group: self.group,
            resource: self.plural,
        }
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        (self.group, self.name) == (other.group, other.name)
    }
}
