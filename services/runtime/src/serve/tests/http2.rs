//! What a client can do to an HTTP/2 connection that a well-meaning one never does.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time,
};

use super::support::{exchange, start_reader};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Kinds of frames, flags and codes: RFC 9113 sections 6 and 7.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];

/// `GET /` over http, without an authority: three entries of HPACK's static table.
const GET: [u8; 3] = [0x82, 0x86, 0x84];

/// `:authority: a`, written out.
const AUTHORITY: [u8; 3] = [0x41, 1, b'a'];

/// `:status: 400`, as HPACK's static table has it.
const BAD_REQUEST: u8 = 0x8c;

/// A frame, as RFC 9113 section 4.1 draws it.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(super) fn get(stream: u32) -> Vec<u8> {
    let fields = [GET, AUTHORITY].concat();
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields)
}

async fn connect(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let settings = frame(SETTINGS, 0, 0, &[]);
    stream
        .write_all(&[PREFACE, &settings].concat())
        .await
        .unwrap();
    stream
}

/// The next frame of a kind, if one still comes.
async fn next(stream: &mut TcpStream, wanted: u8) -> Option<Vec<u8>> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.ok()?;
        if head[3] == wanted {
            return Some(payload);
        }
    }
}

async fn is_serving(addr: SocketAddr) -> bool {
    let request = b"GET /other HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    exchange(addr, request).await.starts_with("HTTP/1.1 200")
}

#[tokio::test]
async fn prior_knowledge_is_enough() {
    let (addr, seen) = start_reader().await;
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::put("http://a/x").body(()).unwrap();

    let (response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"hello"), true).unwrap();
    let response = response.await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(seen.all(), ["PUT http://a/x hello"]);
    drop((client, body, response));
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_without_an_authority_or_a_host_is_refused() {
    let (addr, seen) = start_reader().await;
    let mut stream = connect(addr).await;

    let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &GET);
    stream.write_all(&request).await.unwrap();

    let fields = next(&mut stream, HEADERS).await.unwrap();
    assert_eq!(fields[0], BAD_REQUEST);
    let body = next(&mut stream, DATA).await.unwrap();
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["status"], "INVALID_ARGUMENT");
    assert_eq!(seen.all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_rapid_reset_ends_its_connection_and_no_other() {
    let (addr, _seen) = start_reader().await;
    let mut stream = connect(addr).await;
    let resets: Vec<u8> = (0..10_000)
        .map(|nth| 2 * nth + 1)
        .flat_map(|id| [get(id), frame(RST_STREAM, 0, id, &CANCEL)].concat())
        .collect();

    let (mut reader, mut writer) = stream.split();
    let write = async {
        // The server may have ended it meanwhile.
        let _sent = writer.write_all(&resets).await;
    };
    let read = async {
        let mut all = Vec::new();
        let _end_or_reset = reader.read_to_end(&mut all).await;
        all
    };
    let others = async {
        for _ in 0..10 {
            assert!(is_serving(addr).await);
        }
    };
    let ((), all, ()) = tokio::join!(write, read, others);

    let goaway = all.windows(4).any(|code| code == ENHANCE_YOUR_CALM);
    assert!(goaway, "{all:?}");
    assert!(is_serving(addr).await);
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let (addr, seen) = start_reader().await;
    let mut stream = connect(addr).await;
    let begin = frame(HEADERS, END_STREAM, 1, &[GET, AUTHORITY].concat());
    // A header that is not indexed, with a name and a value of one byte.
    let more = frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y'].repeat(100));

    stream.write_all(&begin).await.unwrap();
    for _ in 0..100_000 {
        if stream.write_all(&more).await.is_err() {
            break;
        }
    }

    assert!(stream.write_all(&more).await.is_err(), "it takes them all");
    assert_eq!(seen.all(), Vec::<String>::new());
    assert!(is_serving(addr).await);
}

#[tokio::test]
async fn headers_that_grow_when_they_are_unpacked_are_refused() {
    let (addr, seen) = start_reader().await;
    let mut stream = connect(addr).await;
    let length = 4000 - 127;
    // One header of 4,000 bytes, kept in the table, and then 10,000 times the byte that stands for it: 40 MB in 14 KB.
    let mut fields = [GET.as_slice(), &AUTHORITY, &[0x40, 1, b'x', 0x7f]].concat();
    fields.extend([0x80 | (length & 0x7f) as u8, (length >> 7) as u8]);
    fields.extend([b'a'; 4000]);
    fields.extend([0xbe; 10_000]);

    let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields);
    stream.write_all(&request).await.unwrap();
    stream.write_all(&get(3)).await.unwrap();

    // Refused or reset, and the next one on the connection is served or the connection ended.
    let _answer = time::timeout(Duration::from_secs(5), next(&mut stream, DATA)).await;
    assert!(seen.all().len() <= 1, "{:?}", seen.all());
    assert!(is_serving(addr).await);
}

#[tokio::test]
async fn headers_longer_than_the_limit_are_refused_with_a_431() {
    let (addr, seen) = start_reader().await;
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let _connection = tokio::spawn(connection);
    let mut request = Request::get("http://a/");
    for _ in 0..20 {
        request = request.header("x", "a".repeat(4000));
    }

    let (response, _body) = client
        .send_request(request.body(()).unwrap(), true)
        .unwrap();

    let status = response.await.unwrap().status();
    assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(seen.all(), Vec::<String>::new());
}
