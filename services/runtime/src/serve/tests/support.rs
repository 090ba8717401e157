//! A server that reads every body, and clients that write whatever they like.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Status;

use crate::serve::refusal::refusal;

/// What reached the handlers of a server, each as method, target and body.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<String>>>);

/// A refusal as its reader sees it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) http: u16,
    pub(super) head: String,
    pub(super) message: String,
}

/// Serves every method and path: it reads the body, and answers with what it saw.
pub(super) async fn start_reader() -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let handler = {
        let seen = seen.clone();
        async move |request: Request| seen.read(request).await
    };
    let (addr, _stop, _task) = super::start(Router::new().fallback(handler)).await;
    (addr, seen)
}

/// Sends `bytes`, and takes what comes until the server ends the connection.
pub(super) async fn exchange(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    rest(stream).await
}

/// What a server still says.
pub(super) async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Checks that an answer is nothing but one refusal: a 4xx with `google.rpc.Status` in JSON.
pub(super) fn refused(answer: &str) -> Refusal {
    let (head, body) = answer.split_once("\r\n\r\n").expect(answer);
    let http = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|line| line.get(..3))
        .and_then(|code| code.parse().ok())
        .expect(answer);
    assert!((400..500).contains(&http), "{answer}");
    assert!(
        head.contains("\r\ncontent-type: application/json"),
        "{answer}"
    );
    let length = format!("\r\ncontent-length: {}", body.len());
    assert!(head.contains(&length), "{answer}");
    assert!(body.ends_with("}\n"), "{answer}");
    let json: serde_json::Value = serde_json::from_str(body).expect(answer);
    assert_eq!(json["code"], 3, "{answer}");
    assert_eq!(json["status"], "INVALID_ARGUMENT", "{answer}");
    let message = json["message"].as_str().expect(answer).to_owned();
    assert!(!message.is_empty(), "{answer}");
    Refusal {
        http,
        head: head.to_owned(),
        message,
    }
}

// === impl Seen ===

impl Seen {
    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn read(&self, request: Request) -> Response {
        let line = format!("{} {}", request.method(), request.uri());
        let Ok(body) = to_bytes(request.into_body(), 1024 * 1024).await else {
            let status = Status::invalid_argument("the body is broken");
            return refusal(false, StatusCode::BAD_REQUEST, &status);
        };
        let seen = format!("{line} {}", String::from_utf8_lossy(&body));
        self.0.lock().unwrap().push(seen.clone());
        seen.into_response()
    }
}
