//! What the HTTP face takes and gives, as an [OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.0) document at `/openapi.json`.
//!
//! ```text
//! contract: routes, messages, comments ─┐
//! error.rs: every refusal we make       ├─▶ operation (parameters, bodies, answers) ─▶ document
//! schema: what a field may hold         ┘
//! ```
//!
//! Nothing in it is written for it alone, but what a contract cannot say: which texts a field takes, and which answers a method gives.
//! `tests/openapi.rs` has every one of them made by a running api.

mod comment;
mod example;
mod operation;
mod schema;

use std::sync::LazyLock;

use axum::{Router, response::IntoResponse, routing::get};
use http::header;
use proto::api::v1::api_server::SERVICE_NAME;
use serde_json::{Map, Value, json};

use self::{operation::operation, schema::Schemas};

/// It never changes while the program runs.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));

/// What holds of every request, and has no place at any one.
const ABOUT: &str = "\n\nEvery request may carry `x-request-timeout` (`500ms`, `2s`, or a number of seconds) or `grpc-timeout`, which say how \
    long its caller waits; `traceparent` and `tracestate`, which go on to the data store; and `x-request-id`, which comes back, is in every \
    line of the log and in every refusal. A refusal is a google.rpc.Status in JSON. The same methods answer gRPC on the same port.";

/// `GET /openapi.json`.
pub(crate) fn routes() -> Router {
    Router::new().route("/openapi.json", get(show))
}

async fn show() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, DOCUMENT.as_str())
}

fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for route in proto::http_routes(SERVICE_NAME) {
        // OpenAPI knows no path that goes on; what that means is said at the parameter.
        let path = route.template.replace("=**", "");
        let of_path = paths.entry(path).or_insert_with(|| json!({}));
        of_path[route.verb.to_lowercase()] = operation(&route, &mut schemas);
    }
    let service = proto::pool()
        .get_service_by_name(SERVICE_NAME)
        .expect("the service must be in its own contract");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": SERVICE_NAME,
            "version": env!("CARGO_PKG_VERSION"),
            "description": comment::of_service(&service) + ABOUT,
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        // Nobody's, or a token's: that is for the operator to say.
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas.into_map(),
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A Kubernetes service-account token for the audience of the api, when it is started with --callers token.",
            } },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let text = document.to_string();

        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();

            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn what_it_says_of_fields_and_methods_is_what_the_contract_says() {
        let document = document();

        let page_size = document.pointer("/paths/~1v1~1records/get/parameters/1");
        let description = page_size.unwrap()["description"].as_str().unwrap();
        assert!(description.starts_with("How many records at most: 1 to 1,000"));
        let get = document.pointer("/paths/~1v1~1records~1{key}/get").unwrap();
        assert_eq!(get["operationId"], "GetRecord");
        assert_eq!(get["summary"], "Reads one record");
    }
}
