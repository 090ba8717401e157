//! Messages as JSON schemas: proto3's JSON form, with what a contract cannot say about its fields.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::comment;

/// A value in base64, as it is answered.
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";

/// As it is taken: in either alphabet, padded or not.
const ANY_BASE64: &str = "^(([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}={0,2}|[A-Za-z0-9+/]{3}=?)?|([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2}={0,2}|[A-Za-z0-9_-]{3}=?)?)$";

/// What a key may hold: no control character.
const KEY: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

/// A media type and its parameters, or nothing.
const CONTENT_TYPE: &str =
    "^$|^[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+( *;([ -~]*[!-~])?)?$";

/// Whose fields they are: what is answered always has one form, what is asked may be written in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// The messages that were spoken of so far.
#[derive(Debug)]
pub(super) struct Schemas(Map<String, Value>);

// === impl Schemas ===

impl Schemas {
    /// At first there is only the one of refusals.
    pub(super) fn new() -> Self {
        Self(Map::from_iter([("Status".to_owned(), status())]))
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// A reference to a message; its schema is added when it is new.
    pub(super) fn refer(&mut self, message: &MessageDescriptor, side: Side) -> Value {
        let name = message.name().to_owned();
        if !self.0.contains_key(&name) {
            // Before its fields, which may speak of it in their turn.
            self.0.insert(name.clone(), Value::Null);
            let schema = self.message(message, side);
            self.0.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    fn message(&mut self, message: &MessageDescriptor, side: Side) -> Value {
        let fields = message.fields().map(|field| {
            let described = json!({ "description": comment::of_field(&field) });
            (
                field.json_name().to_owned(),
                joined(self.field(&field, side), described),
            )
        });
        let fields: Map<_, _> = fields.collect();
        json!({
            "type": "object",
            "description": comment::of_message(message),
            "properties": fields,
            "additionalProperties": false,
        })
    }

    /// One field. In a request it may be `null` as well, which is to leave it out.
    fn field(&mut self, field: &FieldDescriptor, side: Side) -> Value {
        let one = match field.kind() {
            Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => {
                json!({ "type": "string", "format": "date-time" })
            }
            Kind::Message(message) => self.refer(&message, side),
            _ => scalar(field, side),
        };
        if field.is_list() {
            return json!({ "type": "array", "items": one });
        }
        match side {
            Side::Response => one,
            Side::Request => json!({ "anyOf": [one, { "type": "null" }] }),
        }
    }
}

/// A field that is no message, as it is in a query, in a path, or among others in JSON.
pub(super) fn scalar(field: &FieldDescriptor, side: Side) -> Value {
    match field.kind() {
        Kind::String => joined(json!({ "type": "string" }), texts(field)),
        Kind::Bytes => {
            let pattern = match side {
                Side::Request => ANY_BASE64,
                Side::Response => BASE64,
            };
            json!({ "type": "string", "contentEncoding": "base64", "pattern": pattern })
        }
        Kind::Int32 => joined(
            json!({ "type": "integer", "format": "int32" }),
            numbers(field),
        ),
        // JSON's own numbers are not long enough.
        Kind::Int64 => {
            let text = json!({ "type": "string", "format": "int64", "pattern": "^[0-9]{1,18}$" });
            match side {
                Side::Response => text,
                Side::Request => json!({ "anyOf": [
                    text,
                    { "type": "integer", "format": "int64", "minimum": 0, "maximum": i64::MAX },
                ] }),
            }
        }
        kind => unreachable!("the contract has no field of the kind {kind:?}"),
    }
}

/// What the data store's rules say of texts, as far as a schema can: they count bytes, and this characters.
fn texts(field: &FieldDescriptor) -> Value {
    match field.full_name() {
        name if name.ends_with("Request.key") => {
            json!({ "minLength": 1, "maxLength": 1_024, "pattern": KEY })
        }
        name if name.ends_with("Request.prefix") => json!({ "maxLength": 1_024 }),
        name if name.ends_with("Request.content_type") => {
            json!({ "maxLength": 255, "pattern": CONTENT_TYPE })
        }
        _ => json!({}),
    }
}

/// The same of numbers.
fn numbers(field: &FieldDescriptor) -> Value {
    match field.name() {
        "page_size" => json!({ "minimum": 0, "maximum": 1_000 }),
        name => unreachable!("the contract has no number {name}"),
    }
}

/// What both objects say.
pub(super) fn joined(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

/// `google.rpc.Status`, as every refusal has it.
fn status() -> Value {
    let text = || json!({ "type": "string" });
    let detail = |name: &str, fields: Value| {
        let type_url = format!("type.googleapis.com/google.rpc.{name}");
        let properties = joined(json!({ "@type": { "const": type_url } }), fields);
        json!({ "type": "object", "properties": properties, "required": ["@type"] })
    };
    json!({
        "type": "object",
        "description": "A refusal: google.rpc.Status in JSON, with the name of the code beside its number.",
        "properties": {
            "code": { "type": "integer", "minimum": 1, "maximum": 16 },
            "status": text(),
            "message": text(),
            "details": { "type": "array", "items": { "oneOf": [
                detail("ErrorInfo", json!({
                    "reason": text(), "domain": text(),
                    "metadata": { "type": "object", "additionalProperties": text() },
                })),
                detail("RetryInfo", json!({ "retryDelay": text() })),
                detail("BadRequest", json!({ "fieldViolations": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "field": text(), "description": text() },
                } } })),
                detail("RequestInfo", json!({ "requestId": text() })),
            ] } },
        },
        "required": ["code", "status", "message", "details"],
        "additionalProperties": false,
    })
}
