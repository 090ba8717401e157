//! What HTTP/1 has always been able to do.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::support::{exchange, rest, start_reader};

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_turn() {
    let (addr, seen) = start_reader().await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    for turn in 0..3 {
        let request = format!("POST /{turn} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok");
        stream.write_all(request.as_bytes()).await.unwrap();
        let expected = format!("POST /{turn} ok");
        let mut answer = String::new();
        while !answer.ends_with(&expected) {
            answer.push(char::from(stream.read_u8().await.unwrap()));
        }
    }

    assert_eq!(seen.all(), ["POST /0 ok", "POST /1 ok", "POST /2 ok"]);
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_turn() {
    let (addr, seen) = start_reader().await;

    let answers = exchange(
        addr,
        b"GET /0 HTTP/1.1\r\nhost: a\r\n\r\n\
          POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 29\r\n\r\nGET /no HTTP/1.1\r\nhost: a\r\n\r\n\
          BREW /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;

    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    assert_eq!(
        seen.all(),
        [
            "GET /0 ",
            "POST /1 GET /no HTTP/1.1\r\nhost: a\r\n\r\n",
            "BREW /2 "
        ]
    );
}

#[tokio::test]
async fn a_body_in_chunks_is_read_and_is_the_last_of_its_connection() {
    let (addr, seen) = start_reader().await;

    let answer = exchange(
        addr,
        b"PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
          5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /more HTTP/1.1\r\nhost: a\r\n\r\n",
    )
    .await;

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(seen.all(), ["PUT / hello world"]);
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    let (addr, seen) = start_reader().await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream
        .write_all(
            b"PUT / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n",
        )
        .await
        .unwrap();

    let asked = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    stream.write_all(b"hello").await.unwrap();

    assert_eq!(&answer, asked);
    assert!(rest(stream).await.starts_with("HTTP/1.1 200"));
    assert_eq!(seen.all(), ["PUT / hello"]);
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    let (addr, seen) = start_reader().await;

    let answer = exchange(
        addr,
        b"HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(seen.all(), ["HEAD / "]);
}
