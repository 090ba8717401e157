//! Heads without end.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::support::{exchange, refused, rest, start_reader};
use crate::serve::limits::{MAX_HEAD, MAX_HEADERS};

const MEBIBYTE: usize = 1024 * 1024;

#[tokio::test]
async fn a_target_of_ten_megabytes_is_refused_before_it_has_come() {
    let (addr, seen) = start_reader().await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"GET /").await.unwrap();
    stream.write_all(&vec![b'a'; MAX_HEAD]).await.unwrap();

    // It takes no more than this for an answer to begin.
    let mut first = vec![0; 12];
    stream.read_exact(&mut first).await.unwrap();

    assert_eq!(first, b"HTTP/1.1 431");
    // And whoever sends it all first finds the answer still there.
    let piece = vec![b'a'; MEBIBYTE];
    for _ in 0..10 {
        stream.write_all(&piece).await.unwrap();
    }
    stream.write_all(b" HTTP/1.1\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = String::from_utf8(first).unwrap() + &rest(stream).await;
    assert!(refused(&answer).message.contains("64 KiB"), "{answer}");
    assert_eq!(seen.all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_header_of_a_megabyte_is_refused() {
    let (addr, seen) = start_reader().await;
    let value = "a".repeat(MEBIBYTE);

    let answer = exchange(
        addr,
        format!("GET / HTTP/1.1\r\nhost: a\r\nx: {value}\r\n\r\n").as_bytes(),
    )
    .await;

    assert_eq!(refused(&answer).http, 431);
    assert_eq!(seen.all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_head_may_be_just_as_long_as_the_limit() {
    let (addr, seen) = start_reader().await;
    let frame = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: \r\n\r\n".len();
    let head = |longer| {
        let value = "a".repeat(MAX_HEAD - frame + longer);
        format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {value}\r\n\r\n")
    };

    let taken = exchange(addr, head(0).as_bytes()).await;
    let too_long = exchange(addr, head(1).as_bytes()).await;

    assert!(taken.starts_with("HTTP/1.1 200"), "{taken}");
    assert_eq!(refused(&too_long).http, 431);
    assert_eq!(seen.all(), ["GET / "]);
}

#[tokio::test]
async fn more_headers_than_the_limit_are_refused() {
    let (addr, seen) = start_reader().await;
    let head = |headers| {
        let headers = "x: y\r\n".repeat(headers - 2);
        format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n")
    };

    let taken = exchange(addr, head(MAX_HEADERS).as_bytes()).await;
    assert!(taken.starts_with("HTTP/1.1 200"), "{taken}");
    for headers in [MAX_HEADERS + 1, 1000] {
        let refusal = refused(&exchange(addr, head(headers).as_bytes()).await);

        assert_eq!(refusal.http, 431);
        assert!(refusal.message.contains("100 headers"));
    }

    assert_eq!(seen.all().len(), 1);
}
