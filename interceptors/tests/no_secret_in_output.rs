//! Whatever happens to a token, nothing this library logs, answers or shows has a piece of it.

use std::{
    convert::Infallible,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response, header};
use http_body_util::Full;
use kube::client::Body;
use serde_json::json;
use tokio::time;
use tonic::body::Body as GrpcBody;
use tonic_kube_auth::{
    AllowList, AttachToken, AuthLayer, Cached, Caller, Refusal, TokenFollower, TokenReviewer,
    TokenSource,
};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing_subscriber::fmt::MakeWriter;

/// The shortest piece that would count as a leak.
const PIECE: usize = 20;

/// Everything that was logged.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("logs are text")
    }

    fn assert_says(&self, words: &str) {
        let text = self.text();
        assert!(
            text.contains(words),
            "{words:?} must have been logged: {text}"
        );
    }

    fn assert_has_no_piece_of(&self, token: &str) {
        let text = self.text();
        for start in 0..=token.len() - PIECE {
            let piece = &token[start..start + PIECE];
            assert!(!text.contains(piece), "{piece:?} was logged");
        }
    }
}

fn mk_token(claims: &str) -> String {
    let long_signature = URL_SAFE_NO_PAD.encode([0x5a; 256]);
    format!(
        "{}.{}.{long_signature}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#),
        URL_SAFE_NO_PAD.encode(claims)
    )
}

/// One call with this token, while Kubernetes answers so. Whatever can be shown is shown, through the log.
async fn call(token: &str, status: u16, answer: String) {
    let (kubernetes, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let client = kube::Client::new(kubernetes, "default");
    let audience: tonic_kube_auth::Audience = "data-store".parse().expect("it is well-formed");
    let reviewer = TokenReviewer::new(client, audience.clone());
    let layer = AuthLayer::new(
        Cached::new(reviewer, audience),
        "api/api".parse::<AllowList>().expect("it is well-formed"),
    );
    let service = layer.layer(service_fn(async |request: Request<Full<bytes::Bytes>>| {
        tracing::info!(?request, caller = ?Caller::of(request.extensions()), "Handled");
        Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default()))
    }));
    let request = Request::post("/datastore.v1.DataStore/Greet")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header("x-client-id", token)
        .body(Full::default())
        .expect("the request must be well-formed");
    let answering = async {
        if let Some((_request, reply)) = handle.next_request().await {
            let body = Body::from(answer.into_bytes());
            reply.send_response(
                Response::builder()
                    .status(status)
                    .body(body)
                    .expect("it is well-formed"),
            );
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        response = service.oneshot(request) => tracing::info!(?response, "Answered"),
        () = answering => (),
    }
}

async fn reject(request: Request<GrpcBody>) -> Result<Response<GrpcBody>, Infallible> {
    tracing::info!(?request, "Called side");
    Ok(Refusal::Rejected.to_status().into_http())
}

/// One call with the token in this file, which is refused, and has been replaced by then.
async fn call_again(path: &Path, replacement: &str) {
    let follower = TokenFollower::start(TokenSource::new(path))
        .await
        .expect("there is a token");
    let channel = AttachToken::in_plaintext_to_anywhere(follower.token()).on(service_fn(reject));
    std::fs::write(path, replacement).expect("a file can be written");
    // The file is read no more than once a second.
    time::pause();
    time::advance(Duration::from_secs(1)).await;
    time::resume();

    let attempts = channel.oneshot(Request::new(GrpcBody::empty()));
    tracing::info!(?follower, ?attempts, "Calling");
    let response = attempts.await;
    tracing::info!(?response, "Answered");
}

#[tokio::test]
async fn no_piece_of_a_token_is_ever_logged() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let genuine = mk_token(r#"{"aud":["data-store"],"sub":"system:serviceaccount:api:api"}"#);
    let expired = mk_token(r#"{"aud":["data-store"],"exp":1}"#);
    let foreign = mk_token(r#"{"aud":["other"]}"#);
    let user = json!({"username": "system:serviceaccount:api:api"});
    let echo = |status: serde_json::Value| {
        json!({"kind": "TokenReview", "spec": {"token": genuine}, "status": status}).to_string()
    };

    call(
        &genuine,
        201,
        echo(json!({"authenticated": true, "user": user, "audiences": ["data-store"]})),
    )
    .await;
    call(
        &genuine,
        201,
        echo(json!({"error": "invalid bearer token"})),
    )
    .await;
    // Answers that cannot be understood, and yet echo the token.
    call(&genuine, 201, echo(json!({"authenticated": "yes"}))).await;
    call(&genuine, 201, format!("{{{genuine}")).await;
    call(&genuine, 500, echo(json!({}))).await;
    call(&genuine, 403, echo(json!({}))).await;
    call(&expired, 201, String::new()).await;
    call(&foreign, 201, String::new()).await;
    call(&format!("{genuine} {genuine}"), 201, String::new()).await;
    call(&genuine.repeat(40), 201, String::new()).await;

    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("token");
    for content in [
        genuine.clone(),
        format!("{genuine} {genuine}"),
        expired.clone(),
    ] {
        std::fs::write(&path, content).expect("a file can be written");
        let follower = TokenFollower::start(TokenSource::new(&path)).await;
        tracing::info!(?follower, "Followed");
    }
    std::fs::write(&path, &genuine).expect("a file can be written");
    call_again(&path, &foreign).await;

    captured.assert_says("Caller");
    captured.assert_says("calling again with another");
    for token in [&genuine, &expired, &foreign] {
        captured.assert_has_no_piece_of(token);
    }
}
