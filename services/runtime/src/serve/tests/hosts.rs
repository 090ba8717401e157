//! Requests that do not say whom they are for.

use super::support::{exchange, refused, start_reader};

#[tokio::test]
async fn a_request_without_one_host_is_refused() {
    let (addr, seen) = start_reader().await;
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "GET http://a/ HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nHOST: b\r\n",
        "GET / HTTP/1.1\r\nhost:\r\n",
        "GET / HTTP/1.1\r\nhost: a b\r\n",
        "GET / HTTP/1.1\r\nhost: u@a\r\n",
        "GET / HTTP/1.1\r\nhost: a/b\r\n",
        "GET / HTTP/1.1\r\nhost: a:99999\r\n",
    ] {
        let request = format!("{head}connection: close\r\n\r\n");
        let answer = exchange(addr, request.as_bytes()).await;

        let refusal = refused(&answer.replacen("HTTP/1.0", "HTTP/1.1", 1));

        assert_eq!(refusal.http, 400, "{head:?}");
        assert!(refusal.message.contains("host"), "{head:?}");
    }
    assert_eq!(seen.all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_grpc_client_is_told_in_grpc() {
    let (addr, _seen) = start_reader().await;

    let answer = exchange(
        addr,
        b"POST / HTTP/1.1\r\nconnection: close\r\ncontent-type: application/grpc\r\n\r\n",
    )
    .await;

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("grpc-status: 3"), "{answer}");
}
