//! A small HTTP/1.1 client: one connection for each request.

use std::{mem, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinHandle};

/// An answer whose body is still to come, and its connection, which is closed when this is dropped.
pub(crate) struct Open {
    pub(crate) response: Response<Incoming>,
    connection: JoinHandle<hyper::Result<()>>,
}

/// Sends one plain HTTP request, and reads the head of the answer.
pub(crate) async fn open(addr: SocketAddr, request: Request<Full<Bytes>>) -> Open {
    let stream = TcpStream::connect(addr)
        .await
        .expect("somebody must listen");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("the connection must be HTTP");
    let connection = tokio::spawn(connection);
    let response = sender
        .send_request(request)
        .await
        .expect("there must be an answer");
    Open {
        response,
        connection,
    }
}

/// Sends one plain HTTP request, and reads the answer to its end.
pub(crate) async fn http(addr: SocketAddr, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let mut open = open(addr, request).await;
    let body = open.response.body_mut().collect().await;
    let body = body.expect("the answer must be whole").to_bytes();
    let mut response = Response::new(body);
    *response.status_mut() = open.response.status();
    *response.headers_mut() = mem::take(open.response.headers_mut());
    response
}

// === impl Open ===

impl Open {
    /// Reads on until what was read ends with `end`, and returns it; or whatever there is when the body ends.
    pub(crate) async fn read_to(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let Some(frame) = self.response.body_mut().frame().await else {
                break;
            };
            let data = frame.expect("the body must be whole").into_data();
            let data = data.expect("it must have no trailers");
            text += std::str::from_utf8(&data).expect("the body must be text");
        }
        text
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

pub(crate) async fn get(addr: SocketAddr, path: &str) -> Response<Bytes> {
    http(addr, mk_request("GET", path, &[], "")).await
}

pub(crate) fn mk_request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(body.into()))
        .expect("the request must be well-formed")
}

pub(crate) fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).expect("the body must be text")
}

pub(crate) fn json(response: &Response<Bytes>) -> serde_json::Value {
    assert_eq!(
        header_of(response.headers(), "content-type"),
        "application/json"
    );
    serde_json::from_slice(response.body()).expect("the body must be JSON")
}

pub(crate) fn header_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().expect("it must be ASCII"))
}
