use std::iter;

use bytes::Bytes;
use futures::{FutureExt as _, SinkExt as _, channel::mpsc, stream};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tonic::{Code, Status, body::Body};

use super::{MAX_RECORDED, Recorded, record};

type Piece = Result<Frame<Bytes>, Status>;

fn mk_body(pieces: impl IntoIterator<Item = Piece, IntoIter: Send + 'static>) -> Body {
    Body::new(StreamBody::new(stream::iter(pieces)))
}

fn data(text: &str) -> Frame<Bytes> {
    Frame::data(Bytes::copy_from_slice(text.as_bytes()))
}

fn mk_trailers() -> HeaderMap {
    HeaderMap::from_iter([(
        "checksum".parse().unwrap(),
        http::HeaderValue::from_static("abc"),
    )])
}

/// Everything a body says, as its receiver would hear it.
async fn heard(mut body: Body) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(frame) = body.frame().await {
        heard.push(match frame {
            Ok(frame) => format!("{frame:?}"),
            Err(status) => status.message().to_owned(),
        });
    }
    heard
}

fn again(recorded: Option<Recorded>) -> Body {
    recorded.expect("it must all be there").body()
}

#[tokio::test]
async fn a_body_that_is_there_at_once_can_be_said_again_word_for_word() {
    let pieces = || {
        [
            Ok(data("one")),
            Ok(data("")),
            Ok(data("two")),
            Ok(Frame::trailers(mk_trailers())),
        ]
    };

    let (first, recorded) = record(mk_body(pieces()));

    let expected = heard(mk_body(pieces())).await;
    assert_eq!(expected.len(), 4);
    assert_eq!(heard(first).await, expected);
    assert_eq!(heard(again(recorded)).await, expected);
}

#[tokio::test]
async fn the_bytes_are_shared_and_not_copied() {
    let message = Bytes::from(vec![7; 1000]);
    let (mut first, recorded) = record(mk_body([Ok(Frame::data(message.clone()))]));
    let mut second = again(recorded);

    for body in [&mut first, &mut second] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap().as_ptr(), message.as_ptr());
    }
}

#[tokio::test]
async fn an_empty_body_stays_one_that_has_ended() {
    for body in [Body::empty(), mk_body([])] {
        let (first, recorded) = record(body);

        assert!(http_body::Body::is_end_stream(&first));
        assert!(http_body::Body::is_end_stream(&again(recorded)));
    }
}

#[tokio::test]
async fn a_body_has_ended_with_its_last_piece() {
    let (mut first, _recorded) = record(mk_body([Ok(data("one"))]));
    assert!(!http_body::Body::is_end_stream(&first));

    first.frame().await.unwrap().unwrap();

    assert!(http_body::Body::is_end_stream(&first));
}

#[tokio::test]
async fn what_is_still_being_written_is_not_waited_for_and_comes_complete_and_in_order() {
    for ready in 0..3 {
        let (mut tx, rx) = mpsc::channel::<Piece>(8);
        for piece in ["one", "two"].into_iter().take(ready) {
            tx.feed(Ok(data(piece))).now_or_never().unwrap().unwrap();
        }

        let (body, recorded) = record(Body::new(StreamBody::new(rx)));
        assert!(recorded.is_none(), "{ready} pieces are not all of it");
        tx.feed(Ok(data("late"))).await.unwrap();
        tx.feed(Ok(Frame::trailers(mk_trailers()))).await.unwrap();
        drop(tx);

        let ready = ["one", "two"].into_iter().take(ready).map(data);
        let late = [data("late"), Frame::trailers(mk_trailers())];
        let all: Vec<_> = ready.chain(late).map(Ok).collect();
        assert_eq!(heard(body).await, heard(mk_body(all)).await);
    }
}

#[tokio::test]
async fn a_body_too_long_to_keep_comes_complete_and_in_order() {
    let length = MAX_RECORDED / 3;
    let pieces = move || (0..4).map(move |n| Ok(Frame::data(Bytes::from(vec![n; length]))));

    let (body, recorded) = record(mk_body(pieces()));

    assert!(recorded.is_none());
    assert_eq!(heard(body).await, heard(mk_body(pieces())).await);
}

#[tokio::test]
async fn a_message_of_a_mebibyte_is_kept() {
    let message = Bytes::from(vec![7; 1024 * 1024]);

    let (_body, recorded) = record(mk_body([Ok(Frame::data(message))]));

    assert!(recorded.is_some());
}

#[tokio::test]
async fn a_stream_that_is_always_ready_and_never_ends_is_not_taken_for_ever() {
    let (mut body, recorded) = record(mk_body(iter::repeat_with(|| Ok(data("")))));

    assert!(recorded.is_none());
    assert!(body.frame().await.is_some());
}

#[tokio::test]
async fn a_body_that_fails_fails_where_it_did() {
    let pieces = [Ok(data("one")), Err(Status::new(Code::Aborted, "broken"))];

    let (body, recorded) = record(mk_body(pieces));

    assert!(recorded.is_none());
    let heard = heard(body).await;
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(heard[1], "broken");
}
