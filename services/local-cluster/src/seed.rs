//! What is in the cluster when it starts: the two services of this project, as `deploy/` would have them.

use serde_json::{Value, json};

/// The node the kubelet minds.
pub(crate) const NODE: &str = "local";
/// The audience of the data store, and how its callers' tokens are mounted.
pub(crate) const AUDIENCE: &str = "data-store";
pub(crate) const API_VOLUME: &str = "tokens";
pub(crate) const API_TOKEN: &str = "api-token";
const API_TOKEN_SECONDS: i64 = 600;
/// How Kubernetes calls the volume it gives every pod, and the files in it.
pub(crate) const ACCESS_VOLUME: &str = "kube-api-access";
pub(crate) const ACCESS_TOKEN: &str = "token";
pub(crate) const ACCESS_CA: &str = "ca.crt";
const ACCESS_SECONDS: i64 = 3607;

/// Whom the api admits when it asks for tokens: every namespace has such an account.
pub(crate) const USER: &str = "default/default";

pub(crate) const API: &str = "api";
pub(crate) const DATA_STORE: &str = "data-store";

/// In the order they must be created.
pub(crate) fn objects() -> Vec<Value> {
    let core = |kind: &str, namespace: &str, name: &str| {
        let metadata = match namespace {
            "" => json!({ "name": name }),
            namespace => json!({ "name": name, "namespace": namespace }),
        };
        json!({ "kind": kind, "apiVersion": "v1", "metadata": metadata })
    };
    let mut objects = vec![core("Node", "", NODE)];
    let namespaces = ["default", "kube-system", API, DATA_STORE];
    objects.extend(namespaces.map(|name| core("Namespace", "", name)));
    objects.extend([API, DATA_STORE].map(|name| core("ServiceAccount", name, name)));
    objects.extend([
        pod(API, API_VOLUME, &json!([{ "serviceAccountToken": {
            "audience": AUDIENCE, "expirationSeconds": API_TOKEN_SECONDS, "path": API_TOKEN,
        } }])),
        pod(DATA_STORE, ACCESS_VOLUME, &json!([
            { "serviceAccountToken": { "expirationSeconds": ACCESS_SECONDS, "path": ACCESS_TOKEN } },
            { "configMap": {
                "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": ACCESS_CA }],
            } },
            { "downwardAPI": { "items": [{
                "path": "namespace",
                "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" },
            }] } },
        ])),
        json!({
            "kind": "ClusterRoleBinding",
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": { "name": "data-store-auth-delegator" },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "system:auth-delegator",
            },
            "subjects": [{ "kind": "ServiceAccount", "namespace": DATA_STORE, "name": DATA_STORE }],
        }),
    ]);
    objects
}

/// A pod called like its namespace and its account.
fn pod(name: &str, volume: &str, sources: &Value) -> Value {
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": { "name": name, "namespace": name, "labels": { "app": name } },
        "spec": {
            "serviceAccountName": name,
            "nodeName": NODE,
            "containers": [{ "name": name, "image": format!("{name}:latest") }],
            "volumes": [{ "name": volume, "projected": { "sources": sources } }],
        },
    })
}
