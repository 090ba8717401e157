//! The HTTP face of the api. Which method is at which path is said in `proto/api/v1/api.proto`; here is what it takes and gives there.
//!
//! ```text
//! GET    /                     the greeting: text, or JSON for Accept: application/json
//! GET    /v1/records           a page of records in JSON: ?prefix=&page_size=&page_token=
//! GET    /v1/records:watch     changes as they come, as events or as lines of JSON: ?prefix=&start_revision=
//! GET    /v1/records/{key}     the value as it was stored, or the whole record for Accept: application/json
//! PUT    /v1/records/{key}     the body is the value; or, as application/json, {"value": "<base64>", "contentType": "…"}
//! DELETE /v1/records/{key}     ?expected_revision=
//! ```
//!
//! A record comes with its revision as an ETag; `If-Match` and `If-None-Match` are heeded. Fields in a query or in JSON are those of the
//! contract and no others.

mod accept;
mod body;
mod condition;
mod record;
pub(crate) mod uri;
mod watch;

use axum::{
    Router,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use prost::{Message, Name};
use proto::{
    HttpRoute,
    api::v1::api_server::SERVICE_NAME,
    records::v1::{GreetRequest, ListRecordsRequest},
};
use tonic::{Code, Status};

use self::accept::JSON;
pub(crate) use self::{
    body::{late, too_large},
    watch::not_acceptable,
};
use crate::{data_store::DataStore, error::HttpError, passing::Passing, watch::Watches};

/// What answers.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub(crate) data_store: DataStore,
    pub(crate) watches: Watches,
}

/// A message out of the query.
#[derive(Debug)]
pub(crate) struct Query<M>(pub(crate) M);

/// A message out of the query, and the key in the path.
#[derive(Debug)]
pub(crate) struct Keyed<M>(pub(crate) M);

/// The routes of the contract.
///
/// # Panics
///
/// When the contract has a method, a verb or a path that is not known here.
pub(crate) fn routes(gateway: Gateway) -> Router {
    let mut router = Router::new();
    for route in proto::http_routes(SERVICE_NAME) {
        for path in paths(&route.template) {
            router = router.route(&path, handler(&route));
        }
    }
    router.with_state(gateway)
}

/// What is left: an answer for every other path, and for every other method.
pub(crate) fn with_fallbacks(router: Router) -> Router {
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
}

fn handler(route: &HttpRoute) -> MethodRouter<Gateway> {
    let verb = match route.verb.as_str() {
        "GET" => MethodFilter::GET,
        "PUT" => MethodFilter::PUT,
        "DELETE" => MethodFilter::DELETE,
        verb => unreachable!("no method of the contract is a {verb}"),
    };
    match route.method.name() {
        "Greet" => on(verb, greet),
        "GetRecord" => on(verb, record::read),
        "PutRecord" => on(verb, record::write),
        "DeleteRecord" => on(verb, record::delete),
        "ListRecords" => on(verb, list),
        "WatchRecords" => on(verb, watch::watch),
        method => unreachable!("the contract's method {method} must be answered here"),
    }
}

/// A template of the contract as axum writes it. `**` is no segment too, which axum's wildcard is not: there the data store gets to say what
/// is wrong with an empty key.
fn paths(template: &str) -> Vec<String> {
    match template.split_once("{key=**}") {
        Some((before, after)) => vec![format!("{before}{{*key}}{after}"), before.to_owned()],
        None => vec![template.to_owned()],
    }
}

async fn greet(
    State(gateway): State<Gateway>,
    passing: Passing,
    headers: HeaderMap,
    Query(request): Query<GreetRequest>,
) -> Result<Response, HttpError> {
    let greeting = gateway.data_store.greet(request, &passing).await?;
    Ok(if accept::names(&headers, JSON) {
        json(&greeting)
    } else {
        greeting.message.into_response()
    })
}

async fn list(
    State(gateway): State<Gateway>,
    passing: Passing,
    Query(request): Query<ListRecordsRequest>,
) -> Result<Response, HttpError> {
    let page = gateway.data_store.list_records(request, &passing).await?;
    Ok(json(&page))
}

/// gRPC clients are told in gRPC, everybody else in HTTP.
async fn no_such_path(headers: HeaderMap) -> Response {
    if runtime::is_grpc(&headers) {
        return Status::unimplemented("there is no such service").into_http();
    }
    let message = "there is nothing at this path; records are at /v1/records/{key}, and all of it is in /openapi.json";
    HttpError::new(StatusCode::NOT_FOUND, Code::NotFound, message).into_response()
}

async fn wrong_method() -> HttpError {
    let message = "that method is not for this path; the allow header says which are";
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, message)
}

fn json<M: Message + Name>(message: &M) -> Response {
    (
        [(header::CONTENT_TYPE, JSON)],
        proto::to_json(message) + "\n",
    )
        .into_response()
}

// === impl Query ===

impl<S: Sync, M: Message + Name + Default> FromRequestParts<S> for Query<M> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, HttpError> {
        let pairs = uri::pairs(parts.uri.query().unwrap_or_default())?;
        Ok(Self(proto::from_query(pairs)?))
    }
}

// === impl Keyed ===

impl<S: Sync, M: Message + Name + Default> FromRequestParts<S> for Keyed<M> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, HttpError> {
        let key = ("key".to_owned(), uri::key(parts.uri.path())?);
        let mut pairs = uri::pairs(parts.uri.query().unwrap_or_default())?;
        // First, so that a query that names it too is what is refused.
        pairs.insert(0, key);
        Ok(Self(proto::from_query(pairs)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proto::api::v1::api_server::SERVICE_NAME;

    use super::{handler, paths, uri};

    #[test]
    fn every_method_of_the_contract_has_one_route_of_its_own_that_is_answered() {
        let service = proto::pool().get_service_by_name(SERVICE_NAME).unwrap();
        let methods: Vec<_> = service
            .methods()
            .map(|method| method.name().to_owned())
            .collect();

        let routes = proto::http_routes(SERVICE_NAME);

        let routed: Vec<_> = routes.iter().map(|route| route.method.name()).collect();
        assert_eq!(routed, methods);
        let distinct: BTreeSet<_> = routes
            .iter()
            .map(|route| (&route.verb, &route.template))
            .collect();
        assert_eq!(distinct.len(), methods.len());
        // It panics for a method that is not answered.
        routes.iter().map(handler).for_each(drop);
    }

    #[test]
    fn the_key_is_where_the_contract_has_it() {
        let with_key: Vec<_> = proto::http_routes(SERVICE_NAME)
            .into_iter()
            .filter(|route| route.template.contains('{'))
            .collect();

        assert_eq!(with_key.len(), 3);
        for route in with_key {
            assert_eq!(route.template, format!("{}{{key=**}}", uri::RECORDS));
        }
    }

    #[test]
    fn a_template_becomes_paths_of_the_router() {
        assert_eq!(paths("/v1/records"), ["/v1/records"]);
        assert_eq!(paths("/a/{key=**}"), ["/a/{*key}", "/a/"]);
    }
}
