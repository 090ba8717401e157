//! Heads and bodies that are not HTTP/1, or that two programs can read in two ways.

use super::support::{exchange, refused, start_reader};

/// What an attacker hopes is taken for a request of its own.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/// Sends each request with a smuggled one behind it, and checks that both are refused at once. Gives the messages.
async fn all_refused(code: u16, requests: &[&str]) -> Vec<String> {
    let (addr, seen) = start_reader().await;
    let mut messages = Vec::new();
    for request in requests {
        let answer = exchange(addr, format!("{request}{SMUGGLED}").as_bytes()).await;

        let refusal = refused(&answer);

        assert_eq!(refusal.http, code, "{request:?}: {answer}");
        assert!(
            refusal.head.contains("\r\nconnection: close"),
            "{request:?}: {answer}"
        );
        messages.push(refusal.message);
    }
    assert_eq!(seen.all(), Vec::<String>::new());
    messages
}

#[tokio::test]
async fn a_request_with_two_framings_is_refused() {
    let messages = all_refused(
        400,
        &[
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\nCONTENT-LENGTH:5\r\nTransfer-ENCODING:\tchunked \r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntRANSFER-eNCODING:chunked\r\nx: y\r\nContent-Length:  0\t\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\nhost: a\ncontent-length: 5\ntransfer-encoding: chunked\n\n0\r\n\r\n",
            "POST / HTTP/1.0\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "PRI / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ],
    )
    .await;

    for message in messages {
        assert!(message.contains("transfer-encoding"), "{message}");
    }
}

#[tokio::test]
async fn two_framings_behind_a_good_request_are_refused_too() {
    let (addr, seen) = start_reader().await;
    let good = "POST /good HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok";
    let bad = "POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";

    let answers = exchange(addr, format!("{good}{bad}{SMUGGLED}").as_bytes()).await;

    let second = answers.rfind("HTTP/1.1 ").unwrap();
    assert!(answers.starts_with("HTTP/1.1 200"), "{answers}");
    assert_eq!(refused(&answers[second..]).http, 400);
    assert_eq!(seen.all(), ["POST /good ok"]);
}

#[tokio::test]
async fn a_length_that_is_not_one_number_is_refused() {
    let messages = all_refused(
        400,
        &[
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\nhello",
        ],
    )
    .await;

    for message in messages {
        assert!(message.contains("content-length"), "{message}");
    }
}

#[tokio::test]
async fn an_encoding_that_has_no_end_is_refused() {
    all_refused(
        400,
        &[
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_header_that_is_not_one_is_refused() {
    all_refused(
        400,
        &[
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length : 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\n host: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx\0: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n: no name\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\r\x0b\n\r\n",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_request_line_that_is_not_one_is_refused() {
    all_refused(
        400,
        &[
            "GET /\r\n",
            "GET / HTTP/3.0\r\nhost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nhost: a\r\n\r\n",
            "GET / http/1.1\r\nhost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / \r\nhost: a\r\n\r\n",
            "GET /\x01 HTTP/1.1\r\nhost: a\r\n\r\n",
            "G(T / HTTP/1.1\r\nhost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx",
            "\0\0\0\0",
            "{}\r\n\r\n",
        ],
    )
    .await;
}

#[tokio::test]
async fn tls_on_a_port_without_is_told_so() {
    let (addr, _seen) = start_reader().await;

    let answer = exchange(addr, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;

    assert!(refused(&answer).message.contains("TLS"), "{answer}");
}

#[tokio::test]
async fn a_broken_chunk_ends_the_request_and_the_connection() {
    all_refused(
        400,
        &[
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\n0\n\n",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_refused_head_request_is_answered_without_a_body() {
    let (addr, _seen) = start_reader().await;

    let answer = exchange(addr, b"HEAD / HTTP/1.1\r\nhost : a\r\n\r\n").await;

    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_stored_text_that_looks_like_a_refusal_stays_as_it_is() {
    let (addr, _seen) = start_reader().await;
    let text = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let length = text.len();

    let answer = exchange(
        addr,
        format!("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}").as_bytes(),
    )
    .await;

    assert!(answer.ends_with(text), "{answer}");
}
