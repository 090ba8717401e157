//! What the API server says about itself: its version, its groups, its resources. Enough for kubectl to find its way.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::api_server::objects::kind::{KINDS, Kind};

/// Resources that are asked and answered but not kept: group, resource, kind.
const REVIEWS: [(&str, &str, &str); 4] = [
    (
        "authentication.k8s.io",
        "selfsubjectreviews",
        "SelfSubjectReview",
    ),
    ("authentication.k8s.io", "tokenreviews", "TokenReview"),
    (
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
    ),
    (
        "authorization.k8s.io",
        "subjectaccessreviews",
        "SubjectAccessReview",
    ),
];

const GROUPS: [&str; 3] = [
    "authentication.k8s.io",
    "authorization.k8s.io",
    "rbac.authorization.k8s.io",
];

/// As the recorded API server says it, except that it does not hide what it is.
pub(super) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.2+local-cluster",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": "linux/amd64",
    })
}

pub(super) fn core_versions(address: SocketAddr) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [
            { "clientCIDR": "0.0.0.0/0", "serverAddress": address.to_string() },
        ],
    })
}

pub(super) fn groups() -> Value {
    let groups: Vec<_> = GROUPS.into_iter().map(group).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// What is at `/api/v1`, `/apis/GROUP` or `/apis/GROUP/v1`.
pub(super) fn resources(path: &str) -> Option<Value> {
    if path == "/api/v1" {
        return Some(resource_list("", "v1"));
    }
    let path = path.strip_prefix("/apis/")?;
    let (name, version) = path.split_once('/').unwrap_or((path, ""));
    if !GROUPS.contains(&name) {
        return None;
    }
    match version {
        "" => {
            let mut group = group(name);
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            Some(group)
        }
        "v1" => Some(resource_list(name, path)),
        _ => None,
    }
}

fn group(name: &str) -> Value {
    let version = json!({ "groupVersion": format!("{name}/v1"), "version": "v1" });
    json!({ "name": name, "versions": [version], "preferredVersion": version })
}

fn resource_list(group: &str, version: &str) -> Value {
    let kept = KINDS
        .into_iter()
        .filter(|kind| kind.group == group)
        .map(kept);
    let reviews = REVIEWS.into_iter().filter(|(of, ..)| *of == group);
    let reviews = reviews.map(|(_, name, kind)| {
        json!({ "name": name, "singularName": kind.to_lowercase(), "namespaced": false, "kind": kind, "verbs": ["create"] })
    });
    let mut resources: Vec<_> = kept.chain(reviews).collect();
    if group.is_empty() {
        resources.push(json!({
            "name": "serviceaccounts/token",
            "singularName": "",
            "namespaced": true,
            "group": "authentication.k8s.io",
            "version": "v1",
            "kind": "TokenRequest",
            "verbs": ["create"],
        }));
    }
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": resources,
    })
}

fn kept(kind: &'static Kind) -> Value {
    json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.is_namespaced,
        "kind": kind.name,
        "verbs": ["create", "delete", "get", "list", "watch"],
        "shortNames": kind.short,
    })
}
