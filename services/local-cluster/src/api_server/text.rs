//! Texts as Kubernetes objects have them.

use std::time::SystemTime;

use serde_json::Value;

/// A time as Kubernetes writes it.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The text of a JSON string; empty for anything else, as an absent field is to Kubernetes.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
