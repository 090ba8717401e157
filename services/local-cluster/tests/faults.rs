//! What the stand-in does when it fails on purpose, and what it goes on doing meanwhile.

#[path = "support/client.rs"]
mod client;

use std::{error::Error, io, time::Duration};

use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use local_cluster::{Cluster, Fault, Secret, SigningKey, User};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use self::client::{Answer, Client, serve};

const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// How long the server gives calls under way when it stops.
const GRACE: Duration = Duration::from_secs(10);

async fn start() -> Client {
    let key = SigningKey::generate().expect("there must be randomness");
    let key = SigningKey::from_pkcs8(&key).expect("a key just made must be good");
    let cluster = Cluster::builder(key)
        .with_static_token(&Secret::new("admin".to_owned()), User::admin())
        .build()
        .expect("there is nothing in it to refuse");
    serve(cluster).await
}

/// The body of a review of either kind: each reads its own part.
fn mk_review() -> String {
    let attributes = json!({ "verb": "get", "resource": "pods" });
    json!({ "spec": { "token": "nobody's", "resourceAttributes": attributes } }).to_string()
}

async fn open(client: &Client, path: &str) -> Response<Incoming> {
    let body = Some(mk_review());
    client.open("POST", path, Some("admin"), None, body).await
}

async fn ask(client: &Client, path: &str) -> Answer {
    let body = Some(mk_review());
    client.send("POST", path, Some("admin"), None, body).await
}

async fn version(client: &Client) -> Answer {
    client.send("GET", "/version", None, None, None).await
}

/// Reads until the answer pauses: something has come, and there is more to come.
async fn first_part(response: &mut Response<Incoming>) -> Vec<u8> {
    let frame = response.body_mut().frame().await;
    let frame = frame.expect("there must be more").expect("it must be good");
    frame.into_data().expect("there are no trailers").to_vec()
}

#[tokio::test]
async fn both_kinds_of_review_fail_as_an_api_server_words_it() {
    let client = start().await;

    for (fault, status, reason) in [
        (Fault::Status401, 401, "Unauthorized"),
        (Fault::Status403, 403, "Forbidden"),
        (Fault::Status404, 404, "NotFound"),
        (Fault::Status409, 409, "Conflict"),
        (Fault::Status500, 500, "InternalError"),
        (Fault::Status503, 503, "ServiceUnavailable"),
    ] {
        client.faults.set(Some(fault));
        for path in [TOKEN_REVIEWS, ACCESS_REVIEWS] {
            let answer = ask(&client, path).await.assert(status).json();

            assert_eq!(answer["kind"], "Status", "{fault}");
            assert_eq!(answer["code"], status, "{fault}");
            assert_eq!(answer["reason"], reason, "{fault}");
        }
    }
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back_in_plain_text() {
    let client = start().await;
    client.faults.set(Some(Fault::Status429));

    let response = open(&client, TOKEN_REVIEWS).await;

    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Too many requests, please try again later.\n");
}

#[tokio::test]
async fn an_answer_may_be_empty_or_not_json_or_of_another_kind() {
    let client = start().await;

    client.faults.set(Some(Fault::EmptyBody));
    assert_eq!(ask(&client, TOKEN_REVIEWS).await.assert(201).body, "");

    client.faults.set(Some(Fault::NotJson));
    let page = ask(&client, TOKEN_REVIEWS).await.assert(200);
    assert!(page.content_type.starts_with("text/html"), "{page:?}");

    client.faults.set(Some(Fault::AnotherKind));
    let list = ask(&client, TOKEN_REVIEWS).await.assert(201).json();
    assert_eq!(list["kind"], "PodList");
}

#[tokio::test]
async fn whatever_is_no_review_is_answered_as_ever() {
    let client = start().await;

    for fault in Fault::all() {
        if matches!(fault, Fault::Stopped | Fault::AnotherCa) {
            continue;
        }
        client.faults.set(Some(*fault));

        version(&client).await.assert(200);
    }
}

#[tokio::test]
async fn a_review_that_hangs_is_answered_when_the_fault_is_over() {
    let client = start().await;
    client.faults.set(Some(Fault::Hung));
    let mut call = Box::pin(ask(&client, TOKEN_REVIEWS));
    tokio::select! {
        answer = call.as_mut() => panic!("it must hang: {answer:?}"),
        _others_are_answered = version(&client) => (),
    }

    client.faults.set(None);

    assert_eq!(call.await.assert(201).json()["kind"], "TokenReview");
}

#[tokio::test]
async fn an_answer_that_hangs_half_way_goes_on_when_the_fault_is_over() {
    let client = start().await;
    client.faults.set(Some(Fault::HungInBody));
    let mut response = open(&client, TOKEN_REVIEWS).await;
    assert_eq!(response.status(), 201);
    let mut answer = first_part(&mut response).await;
    serde_json::from_slice::<serde_json::Value>(&answer).unwrap_err();

    client.faults.set(None);

    let rest = response.into_body().collect().await.unwrap().to_bytes();
    answer.extend(rest);
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["kind"], "TokenReview");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_what_hangs() {
    let mut client = start().await;
    client.faults.set(Some(Fault::HungInBody));
    let mut response = open(&client, TOKEN_REVIEWS).await;
    first_part(&mut response).await;
    let began = Instant::now();

    client.stop().await;

    assert!(began.elapsed() < GRACE);
}

#[tokio::test]
async fn a_stopped_api_server_closes_connections_old_and_new_and_takes_them_again_later() {
    let client = start().await;
    let path = "/api/v1/namespaces?watch=1";
    let watch = client.open("GET", path, Some("admin"), None, None).await;

    client.faults.set(Some(Fault::Stopped));

    watch.into_body().collect().await.unwrap_err();
    let mut stream = TcpStream::connect(client.address).await.unwrap();
    // Closed, one way or the other.
    let _maybe_too_late = stream.write_all(b"hello").await;
    let read = stream.read(&mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");

    client.faults.set(None);
    version(&client).await.assert(200);
}

#[tokio::test]
async fn a_reset_comes_after_half_of_the_answer() {
    let client = start().await;
    client.faults.set(Some(Fault::Reset));
    let mut response = open(&client, TOKEN_REVIEWS).await;
    first_part(&mut response).await;

    let error = response.into_body().collect().await.unwrap_err();

    let mut cause: &(dyn Error + 'static) = &error;
    while !is_reset(cause) {
        cause = cause.source().expect("it must be a reset");
    }
}

fn is_reset(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionReset)
}
