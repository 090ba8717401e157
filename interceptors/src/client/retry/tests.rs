use std::{
    collections::VecDeque,
    fs,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{SinkExt as _, channel::mpsc, future::join_all};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::time;
use tonic::{Code, Status, body::Body, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Service, ServiceExt as _};

use super::{Retry, curable};
use crate::{
    AttachToken, ClientMetrics, ERROR_DOMAIN, TokenFollower, TokenSource,
    client::replay::MAX_RECORDED,
};

/// The least time between two reads of the file.
const SECOND: Duration = Duration::from_secs(1);

/// What a call fails with that the script has no answer to.
const CONNECTION_LOST: &str = "the connection is lost";

/// A called side that answers from a script, and keeps what it heard.
#[derive(Clone, Debug, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Response<Body>>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// One call, as the called side sees it.
#[derive(Clone, Debug, PartialEq)]
struct Heard {
    head: String,
    headers: HeaderMap,
    data: Vec<Bytes>,
    trailers: Option<HeaderMap>,
}

/// A token file, and who follows it.
struct Caller {
    folder: tempfile::TempDir,
    follower: TokenFollower,
    called: Scripted,
    metrics: Registry,
}

// === impl Scripted ===

impl Service<Request<Body>> for Scripted {
    type Response = Response<Body>;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, &'static str>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let script = self.clone();
        Box::pin(async move {
            let (parts, mut body) = request.into_parts();
            let mut heard = Heard {
                head: format!("{} {}", parts.method, parts.uri),
                headers: parts.headers,
                data: Vec::new(),
                trailers: None,
            };
            while let Some(frame) = body.frame().await {
                match frame.unwrap().into_data() {
                    Ok(data) => heard.data.push(data),
                    Err(frame) => heard.trailers = frame.into_trailers().ok(),
                }
            }
            script.heard.lock().unwrap().push(heard);
            let answer = script.answers.lock().unwrap().pop_front();
            answer.ok_or(CONNECTION_LOST)
        })
    }
}

impl Scripted {
    fn answers(&self, status: Status) {
        self.answers.lock().unwrap().push_back(status.into_http());
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The tokens of the calls so far.
    fn tokens(&self) -> Vec<String> {
        let token = |heard: Heard| heard.headers["authorization"].to_str().unwrap().to_owned();
        self.heard().into_iter().map(token).collect()
    }
}

// === impl Caller ===

impl Caller {
    /// With the token `old` in the file, and a second later, so that the file may be read again.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "old").unwrap();
        let mut metrics = Registry::default();
        let source = TokenSource::new(path).with_metrics(ClientMetrics::register(&mut metrics));
        let follower = TokenFollower::start(source).await.unwrap();
        time::advance(SECOND).await;
        Self {
            folder,
            follower,
            called: Scripted::default(),
            metrics,
        }
    }

    fn write(&self, token: &str) {
        fs::write(self.folder.path().join("token"), token).unwrap();
    }

    fn channel(&self) -> Retry<Scripted> {
        AttachToken::in_plaintext_to_anywhere(self.follower.token()).on(self.called.clone())
    }

    /// What became of calls whose token was refused, as it was counted.
    fn counted(&self) -> Vec<String> {
        let mut text = String::new();
        encode(&mut text, &self.metrics).unwrap();
        let counts = text.lines().filter_map(|line| {
            let count = line.strip_prefix("token_refusals_total{result=\"")?;
            Some(count.replace("\"}", "")).filter(|count| !count.ends_with(" 0"))
        });
        counts.collect()
    }

    async fn call(&self, body: Body) -> Status {
        let response = self.channel().oneshot(mk_request(body)).await.unwrap();
        status_of(&response)
    }
}

fn mk_request(body: Body) -> Request<Body> {
    Request::post("/a.Service/Method").body(body).unwrap()
}

fn mk_body() -> Body {
    Body::new(Full::new(Bytes::from_static(b"a message")))
}

fn ok() -> Status {
    Status::ok("")
}

fn refusal(reason: &str) -> Status {
    mk_status(Code::Unauthenticated, reason, ERROR_DOMAIN)
}

fn mk_status(code: Code, reason: &str, domain: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, domain, []);
    Status::with_error_details(code, "an answer", details)
}

fn status_of(response: &Response<Body>) -> Status {
    Status::from_header_map(response.headers()).expect("the answer must be a status")
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_made_once_more_with_the_token_that_is_in_the_file_now() {
    for reason in ["TOKEN_EXPIRED", "TOKEN_REJECTED"] {
        let caller = Caller::new().await;
        caller.write("new");
        caller.called.answers(refusal(reason));
        caller.called.answers(ok());

        let status = caller.call(mk_body()).await;

        assert_eq!(status.code(), Code::Ok, "{reason}");
        assert_eq!(caller.called.tokens(), ["Bearer old", "Bearer new"]);
        assert_eq!(caller.counted(), ["accepted 1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_refusal_stands_when_the_file_holds_the_same_token() {
    let caller = Caller::new().await;
    caller.called.answers(refusal("TOKEN_EXPIRED"));

    let status = caller.call(mk_body()).await;

    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "TOKEN_EXPIRED"
    );
    assert_eq!(caller.called.tokens(), ["Bearer old"]);
    assert_eq!(caller.counted(), ["no_other_token 1"]);
}

#[tokio::test(start_paused = true)]
async fn the_refusal_stands_when_the_file_holds_none() {
    for content in ["", "not a token"] {
        let caller = Caller::new().await;
        caller.write(content);
        caller.called.answers(refusal("TOKEN_REJECTED"));

        let status = caller.call(mk_body()).await;

        assert_eq!(status.code(), Code::Unauthenticated, "{content:?}");
        assert_eq!(caller.called.tokens(), ["Bearer old"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_made_no_more_than_twice() {
    let caller = Caller::new().await;
    caller.write("new");
    caller.called.answers(refusal("TOKEN_EXPIRED"));
    caller.called.answers(refusal("TOKEN_REJECTED"));

    let status = caller.call(mk_body()).await;

    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "TOKEN_REJECTED"
    );
    assert_eq!(caller.called.tokens(), ["Bearer old", "Bearer new"]);
    assert_eq!(caller.counted(), ["refused_again 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_that_is_not_answered_fails_the_call() {
    let caller = Caller::new().await;
    caller.write("new");
    caller.called.answers(refusal("TOKEN_EXPIRED"));

    let answer = caller.channel().oneshot(mk_request(mk_body())).await;

    assert_eq!(answer.unwrap_err(), CONNECTION_LOST);
    assert_eq!(caller.called.tokens(), ["Bearer old", "Bearer new"]);
    assert_eq!(caller.counted(), ["failed 1"]);
}

#[tokio::test(start_paused = true)]
async fn any_other_answer_stands() {
    let caller = Caller::new().await;
    caller.write("new");
    for status in [
        ok(),
        refusal("TOKEN_MISSING"),
        refusal("TOKEN_MALFORMED"),
        refusal("AUDIENCE_MISMATCH"),
        refusal("TOKEN_REVOKED"),
        refusal("token_expired"),
        mk_status(Code::PermissionDenied, "CALLER_NOT_ALLOWED", ERROR_DOMAIN),
        mk_status(Code::PermissionDenied, "TOKEN_EXPIRED", ERROR_DOMAIN),
        mk_status(Code::Unavailable, "KUBERNETES_UNAVAILABLE", ERROR_DOMAIN),
        mk_status(Code::Unauthenticated, "TOKEN_EXPIRED", "example.com"),
        mk_status(Code::Unauthenticated, "TOKEN_EXPIRED", ""),
        Status::unauthenticated("the token has expired"),
        Status::with_details(Code::Unauthenticated, "", Bytes::from_static(b"rubbish")),
    ] {
        caller.called.answers(status.clone());

        let answer = caller.call(mk_body()).await;

        assert_eq!(answer.code(), status.code(), "{status:?}");
        assert_eq!(answer.details(), status.details(), "{status:?}");
    }
    assert!(
        caller
            .called
            .tokens()
            .iter()
            .all(|sent| sent == "Bearer old")
    );
    assert_eq!(caller.counted(), [""; 0]);
}

#[test]
fn details_that_cannot_be_read_are_none() {
    for details in ["", "!", "=", "AAA", "\u{e9}"] {
        let mut head = HeaderMap::new();
        head.insert("grpc-status", HeaderValue::from_static("16"));
        let details = HeaderValue::from_bytes(details.as_bytes()).unwrap();
        head.insert("grpc-status-details-bin", details);

        assert_eq!(curable(&head), None, "{head:?}");
    }
}

#[test]
fn details_may_be_padded() {
    let mut head = refusal("TOKEN_EXPIRED")
        .into_http::<()>()
        .into_parts()
        .0
        .headers;
    let text = head["grpc-status-details-bin"].to_str().unwrap().to_owned();
    let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
    head.insert("grpc-status-details-bin", padded.parse().unwrap());

    assert_eq!(curable(&head), Some("TOKEN_EXPIRED"));
}

#[cfg(feature = "server")]
#[test]
fn the_called_side_of_this_library_is_understood() {
    use std::time::UNIX_EPOCH;

    use crate::{Malformed, Refusal};

    let expected = "data-store".parse().unwrap();
    for (refusal, expected) in [
        (Refusal::Expired { at: UNIX_EPOCH }, Some("TOKEN_EXPIRED")),
        (Refusal::Rejected, Some("TOKEN_REJECTED")),
        (Refusal::Missing, None),
        (Refusal::Malformed(Malformed::Scheme), None),
        (Refusal::AudienceMismatch { expected }, None),
        (Refusal::Revoked, None),
        (Refusal::NotAllowed, None),
        (Refusal::KubernetesUnavailable, None),
        (Refusal::VerifierMisconfigured, None),
        (Refusal::Overloaded, None),
        (Refusal::DeadlineExceeded, None),
    ] {
        let head = refusal.to_status().into_http::<()>();

        assert_eq!(curable(head.headers()), expected, "{refusal:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_begun_is_not_looked_into() {
    let caller = Caller::new().await;
    caller.write("new");
    let mut trailers = HeaderMap::new();
    refusal("TOKEN_EXPIRED").add_header(&mut trailers).unwrap();
    let frames = [
        Ok::<_, Status>(Frame::data(Bytes::from_static(b"some of it"))),
        Ok(Frame::trailers(trailers)),
    ];
    let body = Body::new(StreamBody::new(futures::stream::iter(frames)));
    let answer = Response::new(body);
    caller.called.answers.lock().unwrap().push_back(answer);

    let response = caller.channel().oneshot(mk_request(mk_body())).await;

    let body = response.unwrap().into_body().collect().await.unwrap();
    assert!(body.trailers().unwrap().contains_key("grpc-status"));
    assert_eq!(body.to_bytes(), "some of it");
    assert_eq!(caller.called.tokens(), ["Bearer old"]);
}

#[tokio::test(start_paused = true)]
async fn the_second_request_is_the_first_but_for_the_token() {
    let caller = Caller::new().await;
    caller.write("new");
    caller.called.answers(refusal("TOKEN_EXPIRED"));
    caller.called.answers(ok());
    let mut trailers = MetadataMap::new();
    trailers.insert("checksum", "abc".parse().unwrap());
    let frames = [
        Ok::<_, Status>(Frame::data(Bytes::from_static(b"one"))),
        Ok(Frame::data(Bytes::from_static(b"two"))),
        Ok(Frame::trailers(trailers.into_headers())),
    ];
    let body = Body::new(StreamBody::new(futures::stream::iter(frames)));
    let mut request = mk_request(body);
    for (name, value) in [
        ("authorization", "Bearer of-somebody-else"),
        ("grpc-timeout", "5S"),
        ("te", "trailers"),
    ] {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
    }

    caller.channel().oneshot(request).await.unwrap();

    let mut heard = caller.called.heard();
    assert_eq!(caller.called.tokens(), ["Bearer old", "Bearer new"]);
    assert!(
        heard
            .iter()
            .all(|heard| heard.headers["authorization"].is_sensitive())
    );
    assert_eq!(heard[0].data, ["one", "two"]);
    assert_eq!(heard[0].trailers.as_ref().unwrap()["checksum"], "abc");
    for heard in &mut heard {
        heard.headers.remove("authorization");
    }
    assert_eq!(heard[0], heard[1]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_still_being_written_is_sent_once() {
    let caller = Caller::new().await;
    caller.write("new");
    caller.called.answers(refusal("TOKEN_EXPIRED"));
    let (mut tx, rx) = mpsc::channel::<Result<Frame<Bytes>, Status>>(1);
    let piece = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
    tx.send(piece("one")).await.unwrap();
    let writing = async move {
        tx.send(piece("two")).await.unwrap();
    };

    let (status, ()) = tokio::join!(caller.call(Body::new(StreamBody::new(rx))), writing);

    assert_eq!(status.code(), Code::Unauthenticated);
    let heard = caller.called.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].data, ["one", "two"]);
    assert_eq!(caller.counted(), ["not_repeatable 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_too_long_to_keep_is_sent_once() {
    let caller = Caller::new().await;
    caller.write("new");
    caller.called.answers(refusal("TOKEN_EXPIRED"));
    let message = Bytes::from(vec![7; MAX_RECORDED]);

    let status = caller.call(Body::new(Full::new(message.clone()))).await;

    assert_eq!(status.code(), Code::Unauthenticated);
    let heard = caller.called.heard();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].data == [message]);
}

#[tokio::test(start_paused = true)]
async fn the_file_is_read_no_more_than_once_a_second_however_many_are_refused() {
    let caller = Caller::new().await;
    for _ in 0..2 {
        caller.called.answers(refusal("TOKEN_REJECTED"));
    }

    // The first has the file read, which still holds the old token; the second comes too soon after.
    caller.call(mk_body()).await;
    caller.write("new");
    time::advance(SECOND / 2).await;
    caller.call(mk_body()).await;
    assert_eq!(caller.called.tokens(), ["Bearer old", "Bearer old"]);

    for _ in 0..100 {
        caller.called.answers(refusal("TOKEN_REJECTED"));
    }
    for _ in 0..100 {
        caller.called.answers(ok());
    }
    time::advance(SECOND / 2).await;
    let statuses = join_all((0..100).map(|_| caller.call(mk_body()))).await;

    assert!(statuses.iter().all(|status| status.code() == Code::Ok));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_found_meanwhile_is_used_without_reading() {
    let caller = Caller::new().await;
    caller.called.answers(refusal("TOKEN_EXPIRED"));
    caller.called.answers(ok());
    let mut token = caller.follower.token();

    let attempts = caller.channel().call(mk_request(mk_body()));
    caller.write("new");
    assert!(token.changed().await);
    fs::remove_file(caller.folder.path().join("token")).unwrap();
    let response = attempts.await.unwrap();

    assert_eq!(status_of(&response).code(), Code::Ok);
    assert_eq!(caller.called.tokens(), ["Bearer old", "Bearer new"]);
}

#[tokio::test(start_paused = true)]
async fn the_refusal_stands_when_nobody_follows_the_file_any_more() {
    let caller = Caller::new().await;
    caller.called.answers(refusal("TOKEN_EXPIRED"));

    let attempts = caller.channel().call(mk_request(mk_body()));
    caller.write("new");
    drop(caller.follower);
    let response = attempts.await.unwrap();

    assert_eq!(status_of(&response).code(), Code::Unauthenticated);
    assert_eq!(caller.called.tokens(), ["Bearer old"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_token_the_call_fails_here_and_nothing_is_sent() {
    let caller = Caller::new().await;
    let channel = caller.channel();
    let mut token = caller.follower.token();
    drop(caller.follower);
    assert!(token.changed().await);

    let response = channel.oneshot(mk_request(mk_body())).await.unwrap();

    let status = status_of(&response);
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_error_info().unwrap().reason, "NO_TOKEN");
    assert_eq!(caller.called.heard(), []);
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_token() {
    let caller = Caller::new().await;
    caller.write("a-very-secret-token");
    caller.called.answers(ok());
    let mut channel = caller.channel();
    let attempts = channel.call(mk_request(mk_body()));

    let debug = format!("{channel:?} {attempts:?}");

    assert!(debug.contains("First"), "{debug}");
    assert!(!debug.contains("Bearer"), "{debug}");
    assert!(!debug.contains("secret"), "{debug}");
}
