//! Who may come in: anybody, or those who prove who they are, and then on both faces and by the library's own check.

use std::net::SocketAddr;

use api::Callers;
use bytes::Bytes;
use http::Response;
use proto::{
    api::v1::api_client::ApiClient,
    records::v1::{GreetRequest, WatchRecordsRequest},
};
use runtime::AuthArgs;
use tonic::{Code, Request, Status, metadata::AsciiMetadataValue, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{
    Kubernetes, Program, channel, get, header_of, http, json, mk_api_config, mk_request, reason,
};

/// An api that asks for tokens, and admits `api/default`.
struct House {
    api: SocketAddr,
    kubernetes: Kubernetes,
    _programs: (Program, Program),
}

impl House {
    async fn new() -> Self {
        let kubernetes = Kubernetes::start().await;
        let data_store = Program::data_store(&kubernetes).await;
        let api = Program::api_with(api::Config {
            callers: Callers::Token,
            auth: AuthArgs {
                // In a cluster it would have an account of its own that may review tokens.
                kubeconfig: Some(kubernetes.kubeconfig()),
                ..AuthArgs::new("api", "api/default")
            },
            ..mk_api_config(&kubernetes, data_store.addr)
        })
        .await;
        Self {
            api: api.addr,
            kubernetes,
            _programs: (data_store, api),
        }
    }

    async fn over_http(&self, verb: &str, path: &str, token: Option<&str>) -> Response<Bytes> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![
            ("x-request-id", "an-example"),
            ("accept", "application/json"),
        ];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        http(self.api, mk_request(verb, path, &headers, "")).await
    }

    async fn over_grpc(&self, token: Option<&str>) -> Result<String, Status> {
        let answer = self.client().greet(bearing(GreetRequest {}, token)).await?;
        Ok(answer.into_inner().caller.unwrap().username)
    }

    fn client(&self) -> ApiClient<Channel> {
        ApiClient::new(channel(self.api))
    }
}

fn bearing<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let bearer = AsciiMetadataValue::try_from(format!("Bearer {token}")).unwrap();
        request.metadata_mut().insert("authorization", bearer);
    }
    request
}

#[tokio::test]
async fn who_proves_to_be_an_allowed_caller_comes_in_on_both_faces_and_the_data_store_sees_the_api()
{
    let house = House::new().await;
    let token = house.kubernetes.token_for("default", "api");

    let greeting = house.over_http("GET", "/", Some(&token)).await;

    assert_eq!(greeting.status(), 200);
    let username = &json(&greeting)["caller"]["username"];
    assert_eq!(username, "system:serviceaccount:api:api");
    assert_eq!(
        house.over_grpc(Some(&token)).await.unwrap(),
        "system:serviceaccount:api:api"
    );
}

#[tokio::test]
async fn who_does_not_is_refused_on_both_faces_for_the_same_reason() {
    let house = House::new().await;
    let not_for_us = house.kubernetes.token_for("default", "data-store");
    let not_allowed = house.kubernetes.token_for("api", "api");

    for (token, status, code, why) in [
        (None, 401, Code::Unauthenticated, "TOKEN_MISSING"),
        (Some("x"), 401, Code::Unauthenticated, "TOKEN_MALFORMED"),
        (
            Some(not_for_us.as_str()),
            401,
            Code::Unauthenticated,
            "AUDIENCE_MISMATCH",
        ),
        (
            Some(not_allowed.as_str()),
            403,
            Code::PermissionDenied,
            "CALLER_NOT_ALLOWED",
        ),
    ] {
        let over_http = house.over_http("GET", "/", token).await;
        let over_grpc = house.over_grpc(token).await.unwrap_err();

        assert_eq!(over_http.status(), status, "{why}");
        assert_eq!(json(&over_http)["details"][0]["reason"], why);
        let challenge = header_of(over_http.headers(), "www-authenticate");
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        assert_eq!((over_grpc.code(), reason(&over_grpc).as_str()), (code, why));
    }
    let mut client = house.client();
    let watch = client.watch_records(WatchRecordsRequest::default()).await;
    assert_eq!(watch.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn every_refusal_of_a_caller_in_the_document_is_one_that_the_api_gives() {
    let house = House::new().await;
    let document = json(&get(house.api, "/openapi.json").await);
    let not_allowed = house.kubernetes.token_for("api", "api");

    let mut made = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{key}", "greeting");
        for (verb, operation) in operations.as_object().unwrap() {
            for (status, token) in [("401", None), ("403", Some(not_allowed.as_str()))] {
                let response = house.over_http(&verb.to_uppercase(), &path, token).await;

                assert_eq!(response.status().as_str(), status, "{verb} {path}");
                let documented = &operation["responses"][status]["content"]["application/json"];
                assert_eq!(json(&response), documented["example"], "{verb} {path}");
                made += 1;
            }
        }
    }
    assert_eq!(made, 12);
}

#[tokio::test]
async fn probes_and_what_the_api_says_of_itself_are_open_to_anybody() {
    let house = House::new().await;

    let document = get(house.api, "/openapi.json").await;
    let mut health = HealthClient::new(channel(house.api));
    let health = health.check(HealthCheckRequest::default()).await;

    assert_eq!(document.status(), 200);
    health.unwrap();
}
