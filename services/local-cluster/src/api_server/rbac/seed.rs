//! The roles every cluster is born with, as far as the stand-in has something they speak of.

use serde_json::{Value, json};

const GROUP: &str = "rbac.authorization.k8s.io";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const DISCOVERY: &str = "system:service-account-issuer-discovery";

/// The roles, then their bindings.
pub(crate) fn roles() -> Vec<Value> {
    let delegated = json!([
        resources("authentication.k8s.io", &["tokenreviews"], "create"),
        resources("authorization.k8s.io", &["subjectaccessreviews"], "create"),
    ]);
    let basic = json!([
        resources(
            "authorization.k8s.io",
            &["selfsubjectaccessreviews"],
            "create"
        ),
        resources("authentication.k8s.io", &["selfsubjectreviews"], "create"),
    ]);
    let everything = json!([
        resources("*", &["*"], "*"),
        { "nonResourceURLs": ["*"], "verbs": ["*"] },
    ]);
    let public = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    let discovery = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/openapi",
        "/openapi/*",
    ];
    let issuer = [
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/",
        "/openid/v1/jwks",
        "/openid/v1/jwks/",
    ];
    vec![
        role("cluster-admin", everything),
        role("system:auth-delegator", delegated),
        role("system:basic-user", basic),
        role(
            "system:discovery",
            paths(&[&discovery[..], &public].concat()),
        ),
        role("system:public-info-viewer", paths(&public)),
        role(DISCOVERY, paths(&issuer)),
        binding("cluster-admin", "cluster-admin", &["system:masters"]),
        binding("system:basic-user", "system:basic-user", &[AUTHENTICATED]),
        binding("system:discovery", "system:discovery", &[AUTHENTICATED]),
        binding(
            "system:public-info-viewer",
            "system:public-info-viewer",
            &[AUTHENTICATED, UNAUTHENTICATED],
        ),
        binding(DISCOVERY, DISCOVERY, &["system:serviceaccounts"]),
        // Kubernetes leaves this one to the operator; the recorded cluster had it, and verifiers outside need it.
        binding("oidc-reviewer", DISCOVERY, &[UNAUTHENTICATED]),
    ]
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "json! takes it by reference, callers have no other use for it"
)]
fn role(name: &str, rules: Value) -> Value {
    json!({
        "kind": "ClusterRole",
        "apiVersion": format!("{GROUP}/v1"),
        "metadata": { "name": name },
        "rules": rules,
    })
}

fn binding(name: &str, role: &str, groups: &[&str]) -> Value {
    let subject = |group: &&str| json!({ "kind": "Group", "apiGroup": GROUP, "name": group });
    let subjects: Vec<_> = groups.iter().map(subject).collect();
    json!({
        "kind": "ClusterRoleBinding",
        "apiVersion": format!("{GROUP}/v1"),
        "metadata": { "name": name },
        "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": role },
        "subjects": subjects,
    })
}

fn resources(group: &str, resources: &[&str], verb: &str) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": [verb] })
}

fn paths(paths: &[&str]) -> Value {
    json!([{ "nonResourceURLs": paths, "verbs": ["get"] }])
}
