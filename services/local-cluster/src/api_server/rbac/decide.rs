//! Decides an attempt, gives the reason, and words the refusal.

use serde_json::Value;

use super::{node, role};
use crate::api_server::{
    failure::{Failure, GroupResource},
    go::quoted,
    objects::{
        Objects,
        kind::{CLUSTER_ROLE, CLUSTER_ROLE_BINDING},
    },
    text,
    user::{MASTERS, User},
};

/// What somebody wants to do.
#[derive(Clone, Debug)]
pub(crate) enum Attempt {
    /// With a resource of the API.
    Resource {
        verb: String,
        group: String,
        /// With its subresource, if any: `serviceaccounts/token`.
        resource: String,
        namespace: String,
        name: String,
    },
    /// With a path that is no resource.
    Path { verb: String, path: String },
}

/// Whether it may be done, and what the decision rests on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Decision {
    pub(crate) is_allowed: bool,
    pub(crate) reason: String,
}

/// Decides an attempt. What nothing allows is denied.
pub(crate) fn decide(objects: &Objects, user: &User, attempt: &Attempt) -> Decision {
    if user.is_in(MASTERS) {
        return Decision::allowed(String::new());
    }
    let mut denied = String::new();
    if let Some(node) = user.node_name() {
        match node::authorize(objects, node, attempt) {
            Ok(()) => return Decision::allowed(String::new()),
            Err(why) => denied = why,
        }
    }
    let (_, bindings) = objects.list(&CLUSTER_ROLE_BINDING, None);
    for binding in &bindings {
        let Some(subject) = members(&binding["subjects"]).find(|subject| is_subject(subject, user))
        else {
            continue;
        };
        let role = text(&binding["roleRef"]["name"]);
        let Some(rules) = objects.get(&CLUSTER_ROLE, "", role) else {
            continue;
        };
        if members(&rules["rules"]).any(|rule| role::permits(rule, attempt)) {
            return Decision::allowed(format!(
                "RBAC: allowed by ClusterRoleBinding {} of ClusterRole {} to {} {}",
                quoted(text(&binding["metadata"]["name"])),
                quoted(role),
                text(&subject["kind"]),
                quoted(&subject_name(subject)),
            ));
        }
    }
    Decision {
        is_allowed: false,
        reason: denied,
    }
}

/// Decides an attempt and words the refusal.
pub(crate) fn require(objects: &Objects, user: &User, attempt: &Attempt) -> Result<(), Failure> {
    let decision = decide(objects, user, attempt);
    if decision.is_allowed {
        return Ok(());
    }
    let who = quoted(&user.username);
    let mut why = match attempt {
        Attempt::Path { verb, path } => format!("User {who} cannot {verb} path {}", quoted(path)),
        Attempt::Resource {
            verb,
            group,
            resource,
            namespace,
            ..
        } => {
            let scope = match namespace.as_str() {
                "" => "at the cluster scope".to_owned(),
                namespace => format!("in the namespace {}", quoted(namespace)),
            };
            let (resource, group) = (quoted(resource), quoted(group));
            format!("User {who} cannot {verb} resource {resource} in API group {group} {scope}")
        }
    };
    if !decision.reason.is_empty() {
        why = format!("{why}: {}", decision.reason);
    }
    let (of, name) = match attempt {
        Attempt::Path { .. } => (
            GroupResource {
                group: "",
                resource: "",
            },
            "",
        ),
        Attempt::Resource {
            group,
            resource,
            name,
            ..
        } => {
            let resource = resource.split('/').next().unwrap_or_default();
            (GroupResource { group, resource }, name.as_str())
        }
    };
    Err(Failure::forbidden(of, name, &why))
}

// === impl Decision ===

impl Decision {
    fn allowed(reason: String) -> Self {
        Self {
            is_allowed: true,
            reason,
        }
    }
}

fn is_subject(subject: &Value, user: &User) -> bool {
    let name = text(&subject["name"]);
    match text(&subject["kind"]) {
        "User" => name == user.username,
        "Group" => user.is_in(name),
        "ServiceAccount" => user.account() == Some((text(&subject["namespace"]), name)),
        _ => false,
    }
}

fn subject_name(subject: &Value) -> String {
    let name = text(&subject["name"]);
    match text(&subject["kind"]) {
        "ServiceAccount" => format!("{}/{name}", text(&subject["namespace"])),
        _ => name.to_owned(),
    }
}

/// The members of a list; none if it is no list.
pub(super) fn members(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
