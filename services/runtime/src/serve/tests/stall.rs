//! Clients that do not read.

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{self, Duration},
};

use super::http2::{self, PREFACE, SETTINGS, WINDOW_UPDATE, frame};
use crate::{
    CancellationToken, Server, listen,
    serve::{impatient::STALL, server::PATIENCE},
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
