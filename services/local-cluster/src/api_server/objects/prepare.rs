//! What becomes of an object between the request to create it and the store: checked, and its gaps filled.

use serde_json::{Value, json};

use super::{
    kind::{Kind, NAMESPACE, NODE, POD, SERVICE_ACCOUNT},
    name::{is_label, is_path_segment, is_subdomain},
    state::State,
};
use crate::api_server::{
    failure::{Failure, FieldProblem},
    go::quoted,
    text,
};
use crate::kubelet;

/// The account a pod runs as when it names none.
const DEFAULT_ACCOUNT: &str = "default";

/// `object` as it is kept: with kind, version, name and namespace, and whatever its kind asks for.
pub(super) fn complete(
    state: &State,
    kind: &'static Kind,
    namespace: &str,
    mut object: Value,
) -> Result<Value, Failure> {
    identify(kind, &mut object)?;
    name(kind, namespace, &mut object)?;
    if kind.is_namespaced && state.get(&NAMESPACE, "", namespace).is_none() {
        return Err(Failure::not_found(NAMESPACE.resource(), namespace));
    }
    if *kind == NAMESPACE {
        object["status"] = json!({ "phase": "Active" });
    } else if *kind == POD {
        pod(state, namespace, &mut object)?;
    }
    Ok(object)
}

/// A body may leave out its kind, but not claim another.
fn identify(kind: &Kind, object: &mut Value) -> Result<(), Failure> {
    if !object.is_object() {
        return Err(Failure::bad_request("an object must be a JSON object"));
    }
    for (field, expected) in [("kind", kind.name), ("apiVersion", &kind.api_version())] {
        match text(&object[field]) {
            "" => object[field] = expected.into(),
            claimed if claimed == expected => {}
            claimed => {
                return Err(Failure::bad_request(format!(
                    "the {field} in the data ({claimed}) does not match the expected {field} ({expected})"
                )));
            }
        }
    }
    Ok(())
}

fn name(kind: &Kind, namespace: &str, object: &mut Value) -> Result<(), Failure> {
    let metadata = &mut object["metadata"];
    if metadata.is_null() {
        *metadata = json!({});
    }
    if !metadata.is_object() {
        return Err(Failure::bad_request("metadata must be an object"));
    }
    if kind.is_namespaced {
        if !["", namespace].contains(&text(&metadata["namespace"])) {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        metadata["namespace"] = namespace.into();
    } else if let Some(metadata) = metadata.as_object_mut() {
        metadata.remove("namespace");
    }
    if text(&metadata["name"]).is_empty() && !text(&metadata["generateName"]).is_empty() {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let suffix = random.get(..5).unwrap_or_default();
        let prefix = text(&metadata["generateName"]);
        metadata["name"] = format!("{prefix}{suffix}").into();
    }
    let name = text(&metadata["name"]);
    if name.is_empty() {
        let problem = FieldProblem::required("metadata.name", "name or generateName is required");
        return Err(Failure::invalid(kind.group, kind.name, "", problem));
    }
    let (is_valid, rule) = if *kind == NAMESPACE {
        (is_label(name), "must be a lowercase RFC 1123 label")
    } else if kind.group.is_empty() {
        (is_subdomain(name), "must be a lowercase RFC 1123 subdomain")
    } else {
        (is_path_segment(name), "must be usable as a path segment")
    };
    if is_valid {
        return Ok(());
    }
    let problem = FieldProblem::invalid("metadata.name", &quoted(name), rule);
    Err(Failure::invalid(kind.group, kind.name, name, problem))
}

/// Does the work of the service-account admission, the scheduler and the kubelet's first status report.
fn pod(state: &State, namespace: &str, pod: &mut Value) -> Result<(), Failure> {
    let name = text(&pod["metadata"]["name"]).to_owned();
    if !pod["spec"].is_object() {
        let problem = FieldProblem::required("spec.containers", "");
        return Err(Failure::invalid("", "Pod", &name, problem));
    }
    kubelet::check_volumes(pod).map_err(|problem| Failure::invalid("", "Pod", &name, problem))?;
    let spec = &mut pod["spec"];
    if text(&spec["serviceAccountName"]).is_empty() {
        spec["serviceAccountName"] = DEFAULT_ACCOUNT.into();
    }
    let account = text(&spec["serviceAccountName"]);
    if state.get(&SERVICE_ACCOUNT, namespace, account).is_none() {
        let account = quoted(account);
        let why = format!(
            "error looking up service account {namespace}/{}: serviceaccount {account} not found",
            account.trim_matches('"')
        );
        return Err(Failure::forbidden(POD.resource(), &name, &why));
    }
    if text(&spec["nodeName"]).is_empty()
        && let Some((key, _)) = state.list(&NODE, None).next()
    {
        spec["nodeName"] = key.2.clone().into();
    }
    let is_on_a_node = state.get(&NODE, "", text(&spec["nodeName"])).is_some();
    let phase = if is_on_a_node { "Running" } else { "Pending" };
    pod["status"] = json!({ "phase": phase });
    pod["metadata"]["generation"] = 1.into();
    Ok(())
}
