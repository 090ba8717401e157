//! Clients that do not read.

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures::stream;
use h2::{Reason, RecvStream};
use http::Request;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    net::TcpStream,
    time::{self, Duration},
};

use super::http2::{self, PREFACE, SETTINGS, WINDOW_UPDATE, frame};
use crate::{
    CancellationToken, Server, listen,
    serve::{impatient::STALL, protocol::Protocol, server::PATIENCE},
};

/// More than the kernel keeps for both ends of a connection.
const LENGTH: usize = 64 * 1024 * 1024;

/// Sends `request`, reads nothing until the server has given up, and gives how long that took.
async fn give_up(request: &[u8]) -> Duration {
    let router = Router::new().route("/", get(async || vec![0; LENGTH]));
    let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut client = TcpStream::connect(listener.addr()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    client.write_all(request).await.unwrap();
    let began = time::Instant::now();

    Server::new(router)
        .connection(stream, peer, CancellationToken::new())
        .await;

    let took = began.elapsed();
    let mut answer = Vec::new();
    let _end_or_reset = client.read_to_end(&mut answer).await;
    assert!(answer.len() < LENGTH);
    took
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let took = give_up(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;

    assert!(took >= STALL && took < STALL + PATIENCE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn in_http_2_it_is_cut_off_too() {
    // A window for all of it: it is the socket that is full.
    let request = [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]),
        &frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0, 0]),
        &http2::get(1),
    ]
    .concat();

    let took = give_up(&request).await;

    assert!(took >= STALL && took < STALL + PATIENCE, "{took:?}");
}

/// Asks for `/` over HTTP/2 with room for `window` bytes of the answer, reads the socket, and gives the body.
async fn ask(router: Router, window: u32) -> RecvStream {
    let (client, server) = duplex(1024);
    let peer = "127.0.0.1:1".parse().unwrap();
    tokio::spawn(Server::new(router).http(
        server,
        Protocol::Unclear,
        peer,
        CancellationToken::new(),
    ));
    let mut builder = h2::client::Builder::new();
    let handshake = builder.initial_window_size(window).handshake(client);
    let (mut requests, connection): (h2::client::SendRequest<Bytes>, _) = handshake.await.unwrap();
    tokio::spawn(async move {
        let _ended = connection.await;
    });
    let request = Request::get("http://a/").body(()).unwrap();
    let (response, _request_body) = requests.send_request(request, true).unwrap();
    response.await.unwrap().into_body()
}

#[tokio::test(start_paused = true)]
async fn in_http_2_a_call_whose_answer_is_not_taken_is_reset_though_the_socket_is_read() {
    for (length, window) in [(1, 0), (1024 * 1024, 70_000)] {
        let router = Router::new().route("/", get(async move || vec![0; length]));
        let mut body = ask(router, window).await;
        let began = time::Instant::now();

        let end = loop {
            match body.data().await.unwrap() {
                // Nothing is said of it, so there is no more room.
                Ok(_taken) => {}
                Err(end) => break end,
            }
        };

        assert_eq!(end.reason(), Some(Reason::CANCEL));
        let took = began.elapsed();
        assert!((STALL..=STALL * 2 + PATIENCE).contains(&took), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_http_2_an_answer_that_is_taken_slowly_comes_whole() {
    let (window, length) = (10_000, 300_000);
    let router = Router::new().route("/", get(async move || vec![0; length]));
    let mut body = ask(router, window).await;
    let mut came = 0;

    while let Some(data) = body.data().await {
        came += data.unwrap().len();
        if came.is_multiple_of(window as usize) {
            time::sleep(STALL / 3).await;
            body.flow_control()
                .release_capacity(window as usize)
                .unwrap();
        }
    }

    assert_eq!(came, length);
}

#[tokio::test(start_paused = true)]
async fn in_http_2_an_answer_that_is_silent_for_long_goes_on() {
    let told = async || {
        Body::from_stream(stream::unfold(0, async |nth| {
            time::sleep(STALL * 5).await;
            (nth < 3).then(|| (Ok::<_, std::io::Error>("more"), nth + 1))
        }))
    };
    let mut body = ask(Router::new().route("/", get(told)), 10_000).await;
    let mut came = 0;

    while let Some(data) = body.data().await {
        came += data.unwrap().len();
    }

    assert_eq!(came, 12);
}
