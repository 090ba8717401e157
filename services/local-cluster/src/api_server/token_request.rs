//! TokenRequest: somebody asks for a token of a service account.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::api_server::{
    cluster::Cluster,
    failure::{Failure, FieldProblem, GroupResource},
    go::quoted,
    objects::kind::{NODE, POD, SERVICE_ACCOUNT},
    rbac, rfc3339, text, token,
    user::User,
};

/// What everybody gets who asks for nothing else.
const DEFAULT_SECONDS: i64 = 3600;
/// The API server mints nothing shorter.
pub(crate) const SHORTEST: i64 = 600;
const LONGEST: i64 = 1 << 32;

/// A kubelet that asks for exactly so many seconds wants the token of a pod's own API client, and such tokens used to live
/// for ever. Kubernetes gives them a year, and warns of clients that use them past what was asked.
const TRANSITIONAL: i64 = 3607;
const YEAR: i64 = 365 * 24 * 3600;

/// A request for a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) account: &'a str,
    /// The TokenRequest object.
    pub(crate) body: &'a Value,
    /// The least `expirationSeconds` taken: [`SHORTEST`], unless the kubelet is told to hurry.
    pub(crate) shortest: i64,
}

/// Answers a TokenRequest of `caller`, who has been authorized already.
pub(crate) fn answer(cluster: &Cluster, caller: &User, asked: Asked<'_>) -> Result<Value, Failure> {
    let Asked {
        namespace,
        account: name,
        body,
        shortest,
    } = asked;
    let spec = &body["spec"];
    rbac::admit_node(cluster.objects(), caller, namespace, name, spec)?;
    let account = cluster
        .objects()
        .require(&SERVICE_ACCOUNT, namespace, name)?;
    let audiences = match spec["audiences"].as_array() {
        Some(audiences) if !audiences.is_empty() => json!(audiences),
        _ => json!([cluster.issuer()]),
    };
    let seconds = seconds(&spec["expirationSeconds"], shortest)?;
    let bound = &spec["boundObjectRef"];
    let mut private = private_claims(cluster, namespace, &account, bound)?;

    let now = cluster
        .clock()
        .now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let issued = i64::try_from(now.as_secs()).expect("the year must be before 292 billion");
    let is_for_us = audiences == json!([cluster.issuer()]);
    let mut lifetime = seconds;
    if seconds == TRANSITIONAL && is_for_us && bound.is_object() {
        private.insert("warnafter".to_owned(), (issued + seconds).into());
        lifetime = YEAR;
    }
    let claims = json!({
        "aud": audiences,
        "exp": issued + lifetime,
        "iat": issued,
        "iss": cluster.issuer(),
        "jti": uuid::Uuid::new_v4().to_string(),
        "kubernetes.io": private,
        "nbf": issued,
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
    });
    let end = UNIX_EPOCH + Duration::from_secs(now.as_secs() + seconds.unsigned_abs());
    Ok(json!({
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": account["metadata"]["uid"],
            "creationTimestamp": rfc3339(UNIX_EPOCH + now),
        },
        "spec": { "audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound },
        "status": {
            "token": token::sign(cluster.keys().signing(), &claims),
            "expirationTimestamp": rfc3339(end),
        },
    }))
}

fn seconds(asked: &Value, shortest: i64) -> Result<i64, Failure> {
    let seconds = match asked {
        Value::Null => DEFAULT_SECONDS,
        asked => asked.as_i64().ok_or_else(|| {
            Failure::bad_request("spec.expirationSeconds must be a whole number of seconds")
        })?,
    };
    let why = if seconds < shortest {
        "may not specify a duration less than 10 minutes"
    } else if seconds > LONGEST {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(seconds);
    };
    let problem = FieldProblem::invalid("spec.expirationSeconds", &seconds.to_string(), why);
    Err(Failure::invalid(
        "authentication.k8s.io",
        "TokenRequest",
        "",
        problem,
    ))
}

/// The `kubernetes.io` claim: what the token dies with.
fn private_claims(
    cluster: &Cluster,
    namespace: &str,
    account: &Value,
    bound: &Value,
) -> Result<Map<String, Value>, Failure> {
    let mut claims = Map::new();
    claims.insert("namespace".to_owned(), namespace.into());
    if bound.is_object() {
        let pod = bound_pod(cluster, namespace, account, bound)?;
        let node = text(&pod["spec"]["nodeName"]);
        if !node.is_empty() {
            let claim = match cluster.objects().get(&NODE, "", node) {
                Some(node) => reference(&node),
                None => json!({ "name": node }),
            };
            claims.insert("node".to_owned(), claim);
        }
        claims.insert("pod".to_owned(), reference(&pod));
    }
    claims.insert("serviceaccount".to_owned(), reference(account));
    Ok(claims)
}

fn bound_pod(
    cluster: &Cluster,
    namespace: &str,
    account: &Value,
    bound: &Value,
) -> Result<std::sync::Arc<Value>, Failure> {
    let kind = text(&bound["kind"]);
    if (kind, text(&bound["apiVersion"])) != (POD.name, "v1") {
        let version = text(&bound["apiVersion"]);
        return Err(Failure::bad_request(format!(
            "cannot bind token to object of type {version}, Kind={kind}"
        )));
    }
    let name = text(&bound["name"]);
    let pod = cluster.objects().require(&POD, namespace, name)?;
    let account = text(&account["metadata"]["name"]);
    if text(&pod["spec"]["serviceAccountName"]) != account {
        return Err(Failure::bad_request(format!(
            "cannot bind token for serviceaccount {} to pod running with different serviceaccount name.",
            quoted(account)
        )));
    }
    let uid = text(&bound["uid"]);
    if !uid.is_empty() && uid != text(&pod["metadata"]["uid"]) {
        let of = GroupResource {
            group: "",
            resource: POD.name,
        };
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Failure::conflict(of, name, &why));
    }
    Ok(pod)
}

fn reference(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({ "name": metadata["name"], "uid": metadata["uid"] })
}
