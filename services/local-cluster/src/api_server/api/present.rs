//! In which form objects are answered: whole, metadata only, or as a table.

use std::sync::Arc;

use http::{HeaderMap, header::ACCEPT};
use serde_json::{Value, json};

use super::table;
use crate::api_server::{failure::Failure, objects::kind::Kind};

/// What the client asked for with its `Accept` header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
    Table,
}

// === impl Form ===

impl Form {
    /// The first media type the client lists that we have.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let Some(accept) = headers.get(ACCEPT) else {
            return Ok(Self::Whole);
        };
        let accept = accept.to_str().unwrap_or_default();
        accept
            .split(',')
            .find_map(Self::of_media_type)
            .ok_or_else(Failure::not_acceptable)
    }

    fn of_media_type(media_type: &str) -> Option<Self> {
        let mut parts = media_type.split(';').map(str::trim);
        if !["application/json", "application/*", "*/*"].contains(&parts.next()?) {
            return None;
        }
        match parts.find_map(|parameter| parameter.strip_prefix("as=")) {
            None => Some(Self::Whole),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Self::Metadata),
            Some("Table") => Some(Self::Table),
            Some(_) => None,
        }
    }

    pub(super) fn one(self, kind: &Kind, object: &Arc<Value>, now: std::time::SystemTime) -> Value {
        match self {
            Self::Whole => Value::clone(object),
            Self::Metadata => metadata(object),
            Self::Table => {
                let version = object["metadata"]["resourceVersion"].clone();
                table::render(
                    kind,
                    std::slice::from_ref(object),
                    &json!({ "resourceVersion": version }),
                    now,
                )
            }
        }
    }

    pub(super) fn list(
        self,
        kind: &Kind,
        version: u64,
        objects: &[Arc<Value>],
        now: std::time::SystemTime,
    ) -> Value {
        let about = json!({ "resourceVersion": version.to_string() });
        match self {
            Self::Whole => json!({
                "kind": format!("{}List", kind.name),
                "apiVersion": kind.api_version(),
                "metadata": about,
                "items": objects.iter().map(|object| &**object).collect::<Vec<_>>(),
            }),
            Self::Metadata => json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": about,
                "items": objects.iter().map(|object| metadata(object)).collect::<Vec<_>>(),
            }),
            Self::Table => table::render(kind, objects, &about, now),
        }
    }
}

fn metadata(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header::ACCEPT};

    use super::Form;

    fn mk_form(accept: &'static str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Form::of(&headers).ok()
    }

    #[test]
    fn the_first_form_we_have_is_taken() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        let unknown =
            "application/vnd.kubernetes.protobuf, application/json;as=Song, application/json";

        assert_eq!(mk_form(table), Some(Form::Table));
        assert_eq!(mk_form(unknown), Some(Form::Whole));
        assert_eq!(mk_form("*/*"), Some(Form::Whole));
        assert_eq!(mk_form("text/html"), None);
        assert_eq!(Form::of(&HeaderMap::new()).unwrap(), Form::Whole);
    }
}
