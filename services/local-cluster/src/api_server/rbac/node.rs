//! What a kubelet may do: Kubernetes' node authorizer and its NodeRestriction admission, as far as tokens go.

use serde_json::Value;

use super::Attempt;
use crate::api_server::{
    failure::Failure,
    go::quoted,
    objects::{
        Objects,
        kind::{POD, SERVICE_ACCOUNT},
    },
    text,
    user::User,
};
use crate::kubelet::TokenSource;

/// The authorizer: a node reads what it runs, and requests tokens only for accounts its pods use.
pub(super) fn authorize(objects: &Objects, node: &str, attempt: &Attempt) -> Result<(), String> {
    let Attempt::Resource {
        verb,
        group,
        resource,
        namespace,
        name,
    } = attempt
    else {
        return Err(String::new());
    };
    match (group.as_str(), resource.as_str(), verb.as_str()) {
        ("", "pods" | "nodes", "get" | "list" | "watch") => Ok(()),
        ("", "serviceaccounts/token", "create") => {
            let (_, pods) = objects.list(&POD, Some(namespace));
            let is_related = pods.iter().map(|pod| &pod["spec"]).any(|spec| {
                text(&spec["nodeName"]) == node && text(&spec["serviceAccountName"]) == name
            });
            if is_related {
                return Ok(());
            }
            Err(format!(
                "no relationship found between node '{node}' and this object"
            ))
        }
        _ => Err(String::new()),
    }
}

/// The admission: a node's token request must be bound to one of its pods and ask for what that pod mounts.
///
/// Whoever is no node passes.
pub(crate) fn admit(
    objects: &Objects,
    user: &User,
    namespace: &str,
    account: &str,
    spec: &Value,
) -> Result<(), Failure> {
    let Some(node) = user.node_name() else {
        return Ok(());
    };
    let forbid = |why: &str| Err(Failure::forbidden(SERVICE_ACCOUNT.resource(), account, why));
    let bound = &spec["boundObjectRef"];
    if text(&bound["kind"]) != POD.name || text(&bound["name"]).is_empty() {
        return forbid("node requested token not bound to a pod");
    }
    let uid = text(&bound["uid"]);
    if uid.is_empty() {
        return forbid("node requested token with a pod binding without a uid");
    }
    let pod = objects.require(&POD, namespace, text(&bound["name"]))?;
    if text(&pod["metadata"]["uid"]) != uid {
        return forbid(&format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        ));
    }
    if text(&pod["spec"]["nodeName"]) != node {
        return forbid("node requested token bound to a pod scheduled on a different node");
    }
    let asked: Vec<_> = match spec["audiences"].as_array() {
        Some(audiences) if !audiences.is_empty() => audiences.iter().map(text).collect(),
        // None at all means the API server's own, as it does in a pod's volume.
        _ => vec![""],
    };
    let mounted: Vec<_> = TokenSource::all_of(&pod)
        .map(|source| source.audience)
        .collect();
    match asked
        .iter()
        .find(|asked| !mounted.iter().any(|known| known == *asked))
    {
        None => Ok(()),
        Some(stranger) => forbid(&format!(
            "audience {} not found in pod spec volume, {} is not authorized to request tokens for this audience",
            quoted(stranger),
            user.username
        )),
    }
}
