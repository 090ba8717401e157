//! An API server that fails as it is told.

use std::{
    future, io,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tonic_kube_auth::{Token, UnverifiedClaims};
use tower_test::mock::Handle;

use crate::world::NOW;

/// Every fault, in the order of the table.
pub(crate) const FAULTS: [&str; 22] = [
    "stopped",
    "hung",
    "hung-in-body",
    "status-401",
    "status-403",
    "status-404",
    "status-409",
    "status-429",
    "status-500",
    "status-503",
    "empty-body",
    "not-json",
    "another-kind",
    "no-user",
    "no-audiences",
    "foreign-audiences",
    "no-service-account",
    "with-error",
    "another-ca",
    "reset",
    "clock-ahead",
    "clock-behind",
];

/// How long Kubernetes accepts a token after its expiry, in seconds.
const LEEWAY: u64 = 60;

type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;

/// What comes of a question.
enum Answer {
    Response(Response<AnswerBody>),
    /// The connection cannot be made.
    Unreachable(io::Error),
    Silence,
}

/// Answers questions as the fault of the moment has it, for as long as anybody may ask.
pub(crate) async fn serve(
    mut handle: Handle<Request<Body>, Response<AnswerBody>>,
    faults: watch::Receiver<Option<&'static str>>,
) {
    // Those who hang up do not come back for an answer.
    let mut unanswered = Vec::new();
    while let Some((request, reply)) = handle.next_request().await {
        let question = request.into_body().collect_bytes().await.unwrap();
        let question = serde_json::from_slice(&question).unwrap();
        let fault = *faults.borrow();
        match answer(fault, &question) {
            Answer::Response(response) => reply.send_response(response),
            Answer::Unreachable(error) => reply.send_error(error),
            Answer::Silence => unanswered.push(reply),
        }
    }
}

fn answer(fault: Option<&str>, question: &Value) -> Answer {
    let genuine = genuine(question);
    let Some(fault) = fault else {
        return json(201, &genuine);
    };
    let status = |code: u16| json(code, &json!({"kind": "Status", "code": code}));
    let forged = |field: &str, value: Option<Value>| {
        let mut forged = genuine.clone();
        let status = forged["status"].as_object_mut().unwrap();
        if status.get("authenticated").is_some() {
            match value {
                Some(value) => status.insert(field.to_owned(), value),
                None => status.remove(field),
            };
        }
        json(201, &forged)
    };
    match fault {
        "stopped" => Answer::Unreachable(io::ErrorKind::ConnectionRefused.into()),
        "another-ca" => Answer::Unreachable(io::Error::other("invalid peer certificate")),
        "hung" => Answer::Silence,
        "hung-in-body" => half(&genuine, stream::pending()),
        "reset" => half(
            &genuine,
            stream::once(future::ready(Err(io::ErrorKind::ConnectionReset.into()))),
        ),
        "status-401" => status(401),
        "status-403" => status(403),
        "status-404" => status(404),
        "status-409" => status(409),
        "status-429" => status(429),
        "status-500" => status(500),
        "status-503" => status(503),
        "empty-body" => whole(201, ""),
        "not-json" => whole(200, "<!doctype html>"),
        "another-kind" => json(201, &json!({"kind": "PodList", "items": []})),
        "no-user" => forged("user", None),
        "no-audiences" => forged("audiences", None),
        "foreign-audiences" => forged("audiences", Some(json!(["somebody-else"]))),
        "no-service-account" => forged("user", Some(json!({"username": "kubernetes-admin"}))),
        "with-error" => forged("error", Some("invalid bearer token".into())),
        "clock-ahead" | "clock-behind" => json(201, &genuine),
        other => unreachable!("no script for {other}"),
    }
}

/// What a healthy API server answers. It has the right time, and takes every token that has not expired for one of `api/api`.
fn genuine(question: &Value) -> Value {
    let status = match question["kind"].as_str() {
        Some("TokenReview") => verdict(question["spec"]["token"].as_str().unwrap()),
        _ => json!({"allowed": true}),
    };
    json!({"kind": question["kind"], "spec": question["spec"], "status": status})
}

fn verdict(token: &str) -> Value {
    let token = Token::parse(token).unwrap();
    let Ok(claims) = UnverifiedClaims::read(&token) else {
        return json!({"error": "invalid bearer token"});
    };
    let now = UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs());
    let expires_at = claims.expires_at.expect("tokens of tests expire");
    if expires_at + Duration::from_secs(LEEWAY) < now {
        return json!({"error": "[invalid bearer token, service account token has expired]"});
    }
    json!({
        "authenticated": true,
        "user": {"username": "system:serviceaccount:api:api"},
        "audiences": ["data-store"],
    })
}

fn json(code: u16, body: &Value) -> Answer {
    whole(code, &body.to_string())
}

fn whole(code: u16, body: &str) -> Answer {
    respond(code, body.to_owned().into(), stream::empty())
}

/// The first half of an answer, and then something else.
fn half<Rest>(answer: &Value, rest: Rest) -> Answer
where
    Rest: stream::Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let mut first = Bytes::from(answer.to_string());
    first.truncate(first.len() / 2);
    respond(201, first, rest)
}

fn respond<Rest>(code: u16, first: Bytes, rest: Rest) -> Answer
where
    Rest: stream::Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let parts = stream::once(future::ready(Ok(first))).chain(rest);
    let body = StreamBody::new(parts.map(|part| part.map(Frame::data)));
    let response = Response::builder().status(code).body(body.boxed_unsync());
    Answer::Response(response.unwrap())
}
