//! One method: its parameters, its body, and every answer it gives.

use prost_reflect::{FieldDescriptor, Kind, MethodDescriptor};
use proto::HttpRoute;
use serde_json::{Map, Value, json};

use super::{
    comment, example,
    schema::{Schemas, Side, joined, scalar},
};

const JSON: &str = "application/json";

/// Refusals that every method may give, beside those of its own: unknown fields in the query, an unproven or unwelcome caller, and what may
/// be wrong behind the api.
const COMMON: [u16; 7] = [400, 401, 403, 500, 502, 503, 504];

/// How a field is called in a path or a query, and what else there is to say of it there.
const IN_PATH: &str = " Slashes may be escaped or not. Between two of them there must be no . or .., which many clients leave out.";

/// Describes a method.
pub(super) fn operation(route: &HttpRoute, schemas: &mut Schemas) -> Value {
    let method = &route.method;
    let comment = comment::of_method(method);
    let operation = json!({
        "operationId": method.name(),
        "summary": comment::first_sentence(&comment),
        "description": comment,
        "parameters": parameters(route),
        "responses": responses(method, schemas),
    });
    if route.has_body {
        let body = request_body(method, schemas);
        return joined(operation, json!({ "requestBody": body }));
    }
    operation
}

fn parameters(route: &HttpRoute) -> Value {
    let message = route.method.input();
    let fields = message.fields().filter_map(|field| {
        let is_in_path = route.template.contains(&format!("{{{}=", field.name()));
        let place = match (is_in_path, route.has_body) {
            (true, _) => "path",
            (false, false) => "query",
            (false, true) => return None,
        };
        Some(parameter(&field, place))
    });
    let mut parameters: Vec<_> = fields.collect();
    parameters.extend(headers(route.method.name()));
    parameters.into()
}

fn parameter(field: &FieldDescriptor, place: &str) -> Value {
    let mut description = comment::of_field(field);
    if place == "path" {
        description += IN_PATH;
    }
    json!({
        "name": field.name(),
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": match field.kind() {
            // As good as a text where everything is text.
            Kind::Int64 => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
            _ => scalar(field, Side::Request),
        },
    })
}

/// What a method takes in headers.
fn headers(method: &str) -> Vec<Value> {
    let header = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "header", "description": description, "schema": schema });
    let any = || json!({ "type": "string" });
    let if_match = || {
        let what = "The ETag of the record: only if it is at that revision, else 412.";
        header("If-Match", any(), what)
    };
    match method {
        "GetRecord" => vec![header(
            "If-None-Match",
            any(),
            "The ETag of the record as the caller has it: 304 if it is still that.",
        )],
        "PutRecord" => vec![
            if_match(),
            header(
                "If-None-Match",
                json!({ "type": "string", "enum": ["*"] }),
                "Only if there is no such record yet, else 412.",
            ),
        ],
        "DeleteRecord" => vec![if_match()],
        "WatchRecords" => vec![header(
            "Last-Event-ID",
            json!({ "type": "string", "pattern": "^[0-9]{0,18}$" }),
            "The id of the last event seen: go on after it, whatever start_revision says.",
        )],
        _ => Vec::new(),
    }
}

fn request_body(method: &MethodDescriptor, schemas: &mut Schemas) -> Value {
    let binary = || json!({ "schema": {}, "example": "hi there" });
    json!({
        "description": "As application/json, the fields of the message. As any other media type, the value itself, which is read back as that type.",
        "required": true,
        "content": {
            JSON: {
                "schema": schemas.refer(&method.input(), Side::Request),
                "example": example::write(),
            },
            "application/octet-stream": binary(),
            "text/plain": binary(),
        },
    })
}

fn responses(method: &MethodDescriptor, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    responses.insert("200".to_owned(), success(method, schemas));
    let own: &[u16] = match method.name() {
        "GetRecord" => &[304, 404],
        "PutRecord" => &[408, 409, 412, 413],
        "DeleteRecord" => &[404, 409, 412],
        "WatchRecords" => &[406],
        _ => &[],
    };
    for status in own.iter().chain(&COMMON) {
        responses.insert(status.to_string(), refusal(*status));
    }
    responses.into()
}

fn success(method: &MethodDescriptor, schemas: &mut Schemas) -> Value {
    let json = |schemas: &mut Schemas| {
        json!({
            "schema": schemas.refer(&method.output(), Side::Response),
            "example": example::answer(method.name()),
        })
    };
    let etag = json!({ "ETag": {
        "description": "The revision of the record, in quotes.",
        "schema": { "type": "string" },
    } });
    match method.name() {
        "Greet" => json!({
            "description": "The greeting: in text, or with who the api was proven to be for Accept: application/json.",
            "content": {
                "text/plain": { "schema": { "type": "string" }, "example": example::GREETING },
                JSON: json(schemas),
            },
        }),
        "GetRecord" => json!({
            "description": "The value, as the media type it was written as; or all of the record for Accept: application/json.",
            "headers": etag,
            "content": {
                JSON: json(schemas),
                "*/*": { "schema": {}, "example": example::VALUE },
            },
        }),
        "PutRecord" => json!({
            "description": "What is stored now.",
            "headers": etag,
            "content": { JSON: json(schemas) },
        }),
        "WatchRecords" => {
            let event = json!({
                "type": "object",
                "properties": {
                    "event": { "enum": ["put", "deleted", "bookmark", "error"] },
                    "id": { "type": "string", "description": "The revision." },
                    "data": {
                        "type": "string",
                        "contentMediaType": JSON,
                        "contentSchema": { "oneOf": [
                            { "$ref": "#/components/schemas/WatchRecordsResponse" },
                            { "$ref": "#/components/schemas/Status" },
                        ] },
                    },
                    "retry": { "type": "integer", "description": "When to come back, in milliseconds." },
                },
                "required": ["event", "data"],
            });
            let lines = json!({
                "type": "string",
                "description": "Each line holds a WatchRecordsResponse as its result or, at the end, a Status as its error.",
            });
            // So that what the lines hold is described, too.
            schemas.refer(&method.output(), Side::Response);
            json!({
                "description": "Changes as they come: server-sent events, or lines of JSON for Accept: application/x-ndjson.",
                "content": {
                    "text/event-stream": { "schema": event, "example": example::events() },
                    "application/x-ndjson": { "schema": lines, "example": example::lines() },
                },
            })
        }
        _ => json!({
            "description": comment::of_message(&method.output()),
            "content": { JSON: json(schemas) },
        }),
    }
}

fn refusal(status: u16) -> Value {
    let description = match status {
        304 => return json!({ "description": "The caller has it already." }),
        400 => "A field is not known, is not what it should be, or is out of its limits.",
        401 => "No token, or none that is genuine and meant for the api.",
        403 => "A genuine token, of somebody who may not call.",
        404 => "There is no such record.",
        406 => "The caller takes neither events nor lines of JSON.",
        408 => "The body took too long to arrive.",
        409 => "The record is at another revision than the body expects.",
        412 => "The record is at another revision than the headers expect.",
        413 => "The value is too long.",
        500 => "The data store failed.",
        502 => "The data store refuses the api itself.",
        503 => {
            "The data store, or Kubernetes behind it, cannot answer, or there is too much to do."
        }
        504 => "There was no answer in time.",
        status => unreachable!("there is no refusal with the status {status}"),
    };
    json!({
        "description": description,
        "content": { JSON: {
            "schema": { "$ref": "#/components/schemas/Status" },
            "example": example::refusal(status),
        } },
    })
}
