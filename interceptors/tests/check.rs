//! What the layer promises: who gets through, who does not, and what each is told.

use std::{
    convert::Infallible,
    future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_kube_auth::{
    AllowList, AuthLayer, Authenticate, Cached, Caller, Refusal, ResponseBody, Token, UserInfo,
};
use tonic_types::StatusExt as _;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

type Body = Full<&'static [u8]>;
type Answer = Response<ResponseBody<Full<bytes::Bytes>>>;

/// An authenticator that knows one identity, whatever the token.
fn knows(user: UserInfo) -> impl Authenticate + Clone {
    move |_token: &Token| future::ready(Ok(user.clone()))
}

fn refuses(refusal: Refusal) -> impl Authenticate + Clone {
    move |_token: &Token| future::ready(Err(refusal.clone()))
}

fn mk_user() -> UserInfo {
    UserInfo {
        username: "system:serviceaccount:api:api".to_owned(),
        audiences: vec!["data-store".to_owned()],
        ..UserInfo::default()
    }
}

fn mk_token() -> String {
    format!(
        "e30.{}.c2ln",
        URL_SAFE_NO_PAD.encode(r#"{"aud":["data-store"]}"#)
    )
}

fn mk_grpc_request() -> Request<Body> {
    Request::post("/datastore.v1.DataStore/Greet")
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::AUTHORIZATION, format!("Bearer {}", mk_token()))
        .body(Body::default())
        .expect("the request must be well-formed")
}

fn mk_http_request() -> Request<Body> {
    Request::get("/v1/records")
        .header(header::AUTHORIZATION, format!("Bearer {}", mk_token()))
        .body(Body::default())
        .expect("the request must be well-formed")
}

/// A service that counts its calls, behind the layer, which allows `api/api`.
fn guarded(
    authenticator: impl Authenticate,
) -> (
    impl Service<Request<Body>, Response = Answer, Error = Infallible>,
    Arc<AtomicUsize>,
) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let handler = service_fn(move |request: Request<Body>| {
        counter.fetch_add(1, Ordering::Relaxed);
        let caller = Caller::of(request.extensions()).expect("the handler must know the caller");
        let headers: Vec<_> = request
            .headers()
            .keys()
            .map(|name| name.as_str().to_owned())
            .collect();
        let seen =
            json!({"caller": caller.service_account().to_string(), "headers": headers}).to_string();
        future::ready(Ok(Response::new(Full::from(seen))))
    });
    let allow: AllowList = "api/api".parse().expect("the list must be well-formed");
    let audience = "data-store"
        .parse()
        .expect("the audience must be well-formed");
    (
        AuthLayer::new(Cached::new(authenticator, audience), allow).layer(handler),
        calls,
    )
}

fn status_of(answer: &Answer) -> Status {
    assert_eq!(
        answer.status(),
        StatusCode::OK,
        "gRPC refuses with HTTP 200"
    );
    Status::from_header_map(answer.headers()).expect("a refusal must have a grpc-status")
}

async fn body_of(answer: Answer) -> Value {
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("the body must be whole")
        .to_bytes();
    serde_json::from_slice(&body).expect("the body must be JSON")
}

#[tokio::test]
async fn an_allowed_caller_reaches_the_handler_which_sees_who_it_is_and_no_token() {
    let (service, calls) = guarded(knows(mk_user()));
    let mut request = mk_grpc_request();
    request
        .headers_mut()
        .insert("x-client-id", mk_token().parse().unwrap());

    let answer = service.oneshot(request).await.unwrap();

    assert_eq!(
        body_of(answer).await,
        json!({"caller": "api/api", "headers": ["content-type"]})
    );
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_caller_whose_audiences_do_not_name_us_is_refused_even_when_authenticated() {
    for audiences in [vec![], vec!["other"], vec!["data-store-2", "DATA-STORE"]] {
        let audiences = audiences.into_iter().map(str::to_owned).collect();
        let (service, calls) = guarded(knows(UserInfo {
            audiences,
            ..mk_user()
        }));

        let status = status_of(&service.oneshot(mk_grpc_request()).await.unwrap());

        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(
            status.get_details_error_info().unwrap().reason,
            "AUDIENCE_MISMATCH"
        );
        assert_eq!(calls.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn who_is_no_service_account_or_not_on_the_list_is_not_allowed() {
    for username in [
        "kubernetes-admin",
        "system:node:vm",
        "system:serviceaccount:api:default",
        "system:serviceaccount:api:api:api",
    ] {
        let (service, calls) = guarded(knows(UserInfo {
            username: username.to_owned(),
            ..mk_user()
        }));

        let status = status_of(&service.oneshot(mk_grpc_request()).await.unwrap());

        assert_eq!(status.code(), Code::PermissionDenied, "{username}");
        assert_eq!(
            status.get_details_error_info().unwrap().reason,
            "CALLER_NOT_ALLOWED"
        );
        assert_eq!(calls.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_call_without_a_token_is_refused_before_anybody_is_asked() {
    let (service, calls) = guarded(|_token: &Token| async { panic!("nobody must be asked") });
    let mut request = mk_grpc_request();
    request.headers_mut().remove(header::AUTHORIZATION);

    let status = status_of(&service.oneshot(request).await.unwrap());

    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "TOKEN_MISSING"
    );
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn plain_http_is_told_in_its_own_language() {
    let (service, _calls) = guarded(refuses(Refusal::Rejected));

    let answer = service.oneshot(mk_http_request()).await.unwrap();

    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.headers()[header::WWW_AUTHENTICATE],
        r#"Bearer error="invalid_token", error_description="Kubernetes does not accept the token""#
    );
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    let body = body_of(answer).await;
    assert_eq!(body["code"], 16);
    assert_eq!(body["status"], "UNAUTHENTICATED");
    assert_eq!(body["details"][0]["reason"], "TOKEN_REJECTED");
}

#[tokio::test]
async fn plain_http_is_told_when_to_come_back() {
    let (service, _calls) = guarded(refuses(Refusal::KubernetesUnavailable));

    let answer = service.oneshot(mk_http_request()).await.unwrap();

    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
    assert!(!answer.headers().contains_key(header::WWW_AUTHENTICATE));
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_deadline_ends_the_review() {
    let (service, calls) = guarded(|_token: &Token| future::pending());
    let mut request = mk_grpc_request();
    request
        .headers_mut()
        .insert("grpc-timeout", "250m".parse().unwrap());
    let began = Instant::now();

    let status = status_of(&service.oneshot(request).await.unwrap());

    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(began.elapsed(), Duration::from_millis(250));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_instance_that_said_it_is_ready_makes_the_call() {
    let (inner, mut handle) =
        tower_test::mock::pair::<Request<Body>, Response<Full<bytes::Bytes>>>();
    let allow: AllowList = "api/api".parse().unwrap();
    let mut service = AuthLayer::new(
        Cached::new(knows(mk_user()), "data-store".parse().unwrap()),
        allow,
    )
    .layer(inner);
    handle.allow(1);

    service.ready().await.unwrap();
    let call = service.call(mk_grpc_request());
    let (answer, ()) = tokio::join!(call, async {
        let (_request, reply) = handle.next_request().await.expect("the call must arrive");
        reply.send_response(Response::new(Full::default()));
    });

    answer.unwrap();
}
