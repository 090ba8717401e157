//! What every request meets: a name, a deadline, a place; and what goes on to the data store, and what never does.

use http::header;
use proto::{
    api::v1::api_client::ApiClient,
    records::v1::{GreetRequest, WatchRecordsRequest},
};
use serde_json::json;
use tonic::{Code, Request, Status, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    http_client::{get, header_of, http, json as json_of, mk_request, open},
    support::{Answer, House},
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn greeting() -> Answer {
    Answer::Json(json!({ "message": "hello" }))
}

fn client(house: &House) -> ApiClient<tonic::transport::Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", house.api)).unwrap();
    ApiClient::new(endpoint.connect_lazy())
}

#[tokio::test]
async fn a_request_keeps_its_name_or_gets_one_and_a_refusal_names_it() {
    let house = House::new().await;
    house.answer("Greet", greeting());
    let named = [("x-request-id", "of-the-caller")];

    let greeted = http(house.api, mk_request("GET", "/", &named, "")).await;
    let refused = http(house.api, mk_request("GET", "/?x=1", &named, "")).await;
    let unnamed = http(house.api, mk_request("GET", "/nope", &[], "")).await;

    for response in [&greeted, &refused] {
        assert_eq!(
            header_of(response.headers(), "x-request-id"),
            "of-the-caller"
        );
    }
    let last_detail = |body: &serde_json::Value| {
        let details = body["details"].as_array().unwrap();
        details.last().unwrap()["requestId"].clone()
    };
    assert_eq!(last_detail(&json_of(&refused)), "of-the-caller");
    let made = header_of(unnamed.headers(), "x-request-id");
    assert_eq!(made.len(), 36);
    assert_eq!(last_detail(&json_of(&unnamed)), made);
}

#[tokio::test]
async fn the_trace_goes_on_and_the_callers_credentials_never_do() {
    let mut house = House::new().await;
    house.answer("Greet", greeting());
    let headers = [
        ("traceparent", PARENT),
        ("tracestate", "a=b"),
        ("authorization", "Bearer of-the-user"),
        ("x-client-id", "of-the-user"),
        ("cookie", "session=of-the-user"),
    ];

    http(house.api, mk_request("GET", "/", &headers, "")).await;
    let over_http = house.heard().await;
    let mut request = Request::new(GreetRequest {});
    for (name, value) in headers {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    client(&house).greet(request).await.unwrap();
    let over_grpc = house.heard().await;

    for heard in [over_http, over_grpc] {
        assert_eq!(heard.method, "Greet");
        let metadata = heard.metadata.into_headers();
        assert_eq!(header_of(&metadata, "authorization"), "Bearer the-apis-own");
        assert_eq!(header_of(&metadata, "traceparent"), PARENT);
        assert_eq!(header_of(&metadata, "tracestate"), "a=b");
        assert!(!format!("{metadata:?}").contains("of-the-user"));
        assert!(!metadata.contains_key("x-client-id"));
    }
}

#[tokio::test]
async fn a_caller_may_wait_less_than_we_allow_and_not_more() {
    let mut house = House::with(|config| {
        config.request_timeout = std::time::Duration::from_secs(2);
    })
    .await;
    house.answer("Greet", greeting());

    for (header, value, at_most) in [
        ("x-request-timeout", "500ms", 500_000),
        ("grpc-timeout", "500m", 500_000),
        ("grpc-timeout", "1H", 2_000_000),
        ("traceparent", PARENT, 2_000_000),
    ] {
        http(house.api, mk_request("GET", "/", &[(header, value)], "")).await;

        let metadata = house.heard().await.metadata.into_headers();
        let told = header_of(&metadata, "grpc-timeout");
        let unit = if told.ends_with('m') { 1_000 } else { 1 };
        let micros: u64 = told[..told.len() - 1].parse().unwrap();
        assert!(told.ends_with(['m', 'u']), "{told}");
        assert!(micros * unit <= at_most, "{value}: {told}");
        assert!(micros * unit > at_most / 2, "{value}: {told}");
    }
}

#[tokio::test]
async fn who_does_not_wait_long_enough_is_told_so_in_its_own_language() {
    let house = House::new().await;
    let headers = [("x-request-timeout", "1ms")];

    let over_http = http(house.api, mk_request("GET", "/", &headers, "")).await;
    let mut request = Request::new(GreetRequest {});
    request.set_timeout(std::time::Duration::from_millis(20));
    let over_grpc = client(&house).greet(request).await.unwrap_err();

    assert_eq!(over_http.status(), 504);
    assert_eq!(json_of(&over_http)["status"], "DEADLINE_EXCEEDED");
    assert!(
        matches!(over_grpc.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{over_grpc}"
    );
}

#[tokio::test]
async fn a_timeout_that_cannot_be_read_is_refused_in_either_language() {
    let house = House::new().await;
    house.answer("Greet", greeting());

    let soon = [("x-request-timeout", "soon")];
    let over_http = http(house.api, mk_request("GET", "/", &soon, "")).await;
    let mut request = Request::new(GreetRequest {});
    let metadata = request.metadata_mut();
    metadata.insert("x-request-timeout", "soon".parse().unwrap());
    let over_grpc = client(&house).greet(request).await.unwrap_err();

    assert_eq!(over_http.status(), 400);
    let details = &json_of(&over_http)["details"];
    assert_eq!(
        details[0]["fieldViolations"][0]["field"],
        "x-request-timeout"
    );
    assert_eq!(over_grpc.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_is_one_too_many_is_refused_in_either_language_and_sent_nowhere() {
    let mut house = House::with(|config| config.max_requests_in_flight = 1).await;
    let first = open(house.api, mk_request("GET", "/", &[], ""));
    let api = house.api;
    let second = async {
        house.heard().await;
        let over_http = get(api, "/").await;
        let over_grpc = client(&house).greet(GreetRequest {}).await.unwrap_err();
        (over_http, over_grpc)
    };

    let (over_http, over_grpc) = tokio::select! {
        _ = first => panic!("the data store never answers"),
        refused = second => refused,
    };

    assert_eq!(over_http.status(), 503);
    assert_eq!(header_of(over_http.headers(), "retry-after"), "1");
    assert_eq!(json_of(&over_http)["details"][0]["reason"], "OVERLOADED");
    assert_eq!(over_grpc.code(), Code::Unavailable);
    let info = over_grpc.get_details_error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("OVERLOADED", "api")
    );
    assert!(!house.has_heard());
}

#[tokio::test]
async fn who_watches_health_takes_no_place_among_the_calls() {
    let house = House::with(|config| config.max_requests_in_flight = 1).await;
    house.answer("Greet", greeting());
    let endpoint = Endpoint::from_shared(format!("http://{}", house.api)).unwrap();
    let mut health = HealthClient::new(endpoint.connect_lazy());

    let _first = health.watch(HealthCheckRequest::default()).await.unwrap();
    let _second = health.watch(HealthCheckRequest::default()).await.unwrap();

    assert_eq!(get(house.api, "/").await.status(), 200);
}

#[tokio::test]
async fn a_call_whose_message_does_not_come_ends_at_its_deadline() {
    let house = House::new().await;
    let request = mk_request(
        "POST",
        "/api.v1.Api/Greet",
        &[
            ("content-type", "application/grpc"),
            ("grpc-timeout", "100m"),
            ("content-length", "5"),
        ],
        "",
    );

    let refused = http(house.api, request).await;

    assert_eq!(header_of(refused.headers(), "grpc-status"), "4");
}

#[tokio::test]
async fn a_watch_takes_no_place_among_the_calls_in_either_face() {
    let house = House::with(|config| config.max_requests_in_flight = 1).await;
    house.answer("WatchRecords", Answer::Stream(Vec::new()));
    house.answer("Greet", greeting());

    let _events = open(house.api, mk_request("GET", "/v1/records:watch", &[], "")).await;
    let watch = WatchRecordsRequest::default();
    let _stream = client(&house).watch_records(watch).await.unwrap();

    assert_eq!(get(house.api, "/").await.status(), 200);
}

#[tokio::test]
async fn nothing_of_the_inside_is_in_a_refusal() {
    let house = House::new().await;

    for code in [Code::Internal, Code::Unknown, Code::DataLoss] {
        let inside = Status::new(code, "10.0.0.1: /var/lib/secret");
        house.answer("Greet", Answer::Refuse(inside));

        let response = get(house.api, "/").await;

        assert_eq!(response.status(), 500);
        assert_eq!(json_of(&response)["message"], "the data store failed");
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_call_only_when_they_are_named() {
    let closed = House::new().await;
    let open = House::with(|config| config.cors_origins = "https://a.example".to_owned()).await;
    open.answer("Greet", greeting());
    let preflight = |origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "if-match"),
        ];
        mk_request("OPTIONS", "/v1/records/a", &headers, "")
    };
    let allowed = header::ACCESS_CONTROL_ALLOW_ORIGIN;

    let off = http(closed.api, preflight("https://a.example")).await;
    assert_eq!(off.status(), 405);
    assert!(!off.headers().contains_key(&allowed));
    let on = http(open.api, preflight("https://a.example")).await;
    assert_eq!(on.status(), 200);
    assert_eq!(
        header_of(on.headers(), allowed.as_str()),
        "https://a.example"
    );
    let other = http(open.api, preflight("https://b.example")).await;
    assert!(!other.headers().contains_key(&allowed));
}
