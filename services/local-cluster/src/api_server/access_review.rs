//! SubjectAccessReview and its relatives: may somebody do something, may I, and who am I.

use serde_json::{Value, json};

use crate::api_server::{
    cluster::Cluster,
    failure::{Failure, FieldProblem},
    objects::Objects,
    rbac::{self, Attempt},
    review::metadata,
    text,
    user::User,
};

const AUTHORIZATION: &str = "authorization.k8s.io";

/// May the user of `spec` do what `spec` says?
pub(crate) fn of_subject(objects: &Objects, body: &Value) -> Result<Value, Failure> {
    const KIND: &str = "SubjectAccessReview";
    let spec = &body["spec"];
    let strings = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.map(|item| text(item).to_owned()).collect()
    };
    let user = User {
        username: text(&spec["user"]).to_owned(),
        uid: text(&spec["uid"]).to_owned(),
        groups: strings(&spec["groups"]),
        ..User::default()
    };
    if user.username.is_empty() && user.groups.is_empty() {
        let problem = FieldProblem::required(
            "spec.user",
            "at least one of user or group must be specified",
        );
        return Err(Failure::invalid(AUTHORIZATION, KIND, "", problem));
    }
    answer(objects, KIND, body, &user)
}

/// May the caller do what `spec` says?
pub(crate) fn of_self(objects: &Objects, body: &Value, caller: &User) -> Result<Value, Failure> {
    answer(objects, "SelfSubjectAccessReview", body, caller)
}

/// Who is the caller?
pub(crate) fn who_am_i(cluster: &Cluster, body: &Value, caller: &User) -> Value {
    let mut metadata = metadata(body);
    metadata["creationTimestamp"] = crate::api_server::rfc3339(cluster.clock().now()).into();
    json!({
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": metadata,
        "status": { "userInfo": caller.to_json() },
    })
}

fn answer(objects: &Objects, kind: &str, body: &Value, user: &User) -> Result<Value, Failure> {
    let spec = &body["spec"];
    let attempt =
        attempt(spec).map_err(|problem| Failure::invalid(AUTHORIZATION, kind, "", problem))?;
    let decision = rbac::decide(objects, user, &attempt);
    let mut status = json!({ "allowed": decision.is_allowed });
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    Ok(json!({
        "kind": kind,
        "apiVersion": format!("{AUTHORIZATION}/v1"),
        "metadata": metadata(body),
        "spec": spec,
        "status": status,
    }))
}

fn attempt(spec: &Value) -> Result<Attempt, FieldProblem> {
    let field = |of: &Value, name: &str| text(&of[name]).to_owned();
    match (&spec["resourceAttributes"], &spec["nonResourceAttributes"]) {
        (of @ Value::Object(_), Value::Null) => {
            let resource = match text(&of["subresource"]) {
                "" => field(of, "resource"),
                sub => format!("{}/{sub}", text(&of["resource"])),
            };
            Ok(Attempt::Resource {
                verb: field(of, "verb"),
                group: field(of, "group"),
                resource,
                namespace: field(of, "namespace"),
                name: field(of, "name"),
            })
        }
        (Value::Null, of @ Value::Object(_)) => Ok(Attempt::Path {
            verb: field(of, "verb"),
            path: field(of, "path"),
        }),
        _ => Err(FieldProblem::invalid(
            "spec.resourceAttributes",
            "null",
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
    }
}
