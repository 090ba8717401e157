//! What one can do with the objects that are kept: get, list, watch, create, delete.

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    body::{read, read_options},
    handler::{Api, created},
    present::Form,
    request_info::{RequestInfo, ResourceInfo},
    select::Selector,
    watch,
};
use crate::api_server::{
    failure::Failure,
    objects::kind::{Kind, NAMESPACE},
    text,
};

/// Metadata only the server sets.
const OURS: [&str; 6] = [
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

// === impl Api ===

impl Api {
    pub(super) async fn answer_kind(
        &self,
        kind: &'static Kind,
        info: &RequestInfo,
        of: &ResourceInfo,
        request: Request,
    ) -> Result<Response, Failure> {
        let objects = self.cluster.objects();
        let now = self.cluster.clock().now();
        let form = Form::of(request.headers())?;
        // A namespace is not in itself, whatever its path looks like to the authorizer.
        let namespace = if *kind == NAMESPACE {
            ""
        } else {
            of.namespace.as_str()
        };
        let is_well_placed = kind.is_namespaced || namespace.is_empty();
        let within = Some(namespace).filter(|namespace| !namespace.is_empty());
        if !is_well_placed {
            return Err(Failure::no_such_resource());
        }
        match info.verb {
            "get" => {
                let object = objects.require(kind, namespace, &of.name)?;
                Ok(Json(form.one(kind, &object, now)).into_response())
            }
            "list" => {
                let selector = Selector::of(info)?;
                let (version, mut found) = objects.list(kind, within);
                found.retain(|object| selector.selects(object));
                Ok(Json(form.list(kind, version, &found, now)).into_response())
            }
            "watch" => {
                let watched = watch::Watched {
                    kind,
                    namespace: within.map(str::to_owned),
                    selector: Selector::of(info)?,
                    form,
                };
                watch::answer(self.cluster.clone(), watched, info, self.stop.clone())
            }
            "create" if of.name.is_empty() => {
                let mut body = read(info, request, kind.name).await?;
                if info.query.contains_key("dryRun") {
                    return Err(Failure::bad_request("dryRun is not supported here"));
                }
                if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.retain(|key, _| !OURS.contains(&key.as_str()));
                }
                let object = objects.create(kind, namespace, body)?;
                created(&form.one(kind, &object, now))
            }
            "delete" => {
                let options = read_options(request).await?;
                self.delete(kind, namespace, &of.name, &options)
            }
            _ => Err(Failure::method_not_allowed()),
        }
    }

    fn delete(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        options: &Value,
    ) -> Result<Response, Failure> {
        let objects = self.cluster.objects();
        let current = objects.require(kind, namespace, name)?;
        let uid = text(&current["metadata"]["uid"]);
        let expected = text(&options["preconditions"]["uid"]);
        if !["", uid].contains(&expected) {
            let why = format!(
                "Precondition failed: UID in precondition: {expected}, UID in object meta: {uid}"
            );
            return Err(Failure::conflict(kind.resource(), name, &why));
        }
        let is_dry_run = options["dryRun"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        let deleted = if is_dry_run {
            current
        } else {
            objects.delete(kind, namespace, name)?
        };
        if kind.returns_deleted {
            return Ok(Json(&*deleted).into_response());
        }
        let mut details =
            json!({ "name": name, "kind": kind.plural, "uid": deleted["metadata"]["uid"] });
        if !kind.group.is_empty() {
            details["group"] = kind.group.into();
        }
        let status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        });
        Ok((StatusCode::OK, Json(status)).into_response())
    }
}
