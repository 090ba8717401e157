//! TokenReview: somebody shows a token and asks whose it is.

use serde_json::{Value, json};

use crate::api_server::{cluster::Cluster, failure::Failure, judge::judge, text};

/// Answers a TokenReview. A refused token is an answer too, not a failure.
pub(crate) fn answer(cluster: &Cluster, body: &Value) -> Result<Value, Failure> {
    let token = text(&body["spec"]["token"]);
    if token.is_empty() {
        return Err(Failure::bad_request(
            "token is required for TokenReview in authentication",
        ));
    }
    let audiences: Vec<_> = match &body["spec"]["audiences"] {
        Value::Array(list) => list.iter().map(|item| text(item).to_owned()).collect(),
        _ => Vec::new(),
    };
    let mut spec = json!({ "token": token });
    if !audiences.is_empty() {
        spec["audiences"] = json!(audiences);
    }
    let status = match judge(cluster, token, &audiences) {
        Ok(accepted) => json!({
            "authenticated": true,
            "user": accepted.user.to_json(),
            "audiences": accepted.audiences,
        }),
        Err(refused) => json!({ "user": {}, "error": refused.to_string() }),
    };
    Ok(json!({
        "kind": "TokenReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": metadata(body),
        "spec": spec,
        "status": status,
    }))
}

/// A review is not kept, but its metadata is echoed.
pub(crate) fn metadata(body: &Value) -> Value {
    match &body["metadata"] {
        Value::Object(metadata) => Value::Object(metadata.clone()),
        _ => json!({}),
    }
}
