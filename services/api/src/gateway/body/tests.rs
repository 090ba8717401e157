use axum::{body::Body, extract::Request};
use http::{HeaderValue, StatusCode, header};

use super::read as read_write;

const MAX_VALUE: usize = 1024;

async fn read(
    content_type: Option<&'static str>,
    body: impl Into<Body>,
) -> Result<(String, Vec<u8>), (StatusCode, String)> {
    let mut request = Request::new(body.into());
    if let Some(content_type) = content_type {
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    match read_write("greeting".to_owned(), request, MAX_VALUE).await {
        Ok(record) => {
            assert_eq!(record.key, "greeting");
            Ok((record.content_type, record.value.to_vec()))
        }
        Err(error) => Err(error.into_test_parts()),
    }
}

#[tokio::test]
async fn any_other_content_type_is_the_value_itself() {
    for content_type in [
        "text/plain",
        "image/png",
        "text/plain; charset=utf-8",
        "application/json-seq",
    ] {
        let record = read(Some(content_type), "hi").await.unwrap();

        assert_eq!(record, (content_type.to_owned(), b"hi".to_vec()));
    }
    assert_eq!(
        read(None, "hi").await.unwrap(),
        (String::new(), b"hi".to_vec())
    );
}

#[tokio::test]
async fn json_is_the_request_as_proto3_writes_it() {
    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        let body = r#"{"value":"aGk=","contentType":"text/plain"}"#;

        let record = read(Some(content_type), body).await.unwrap();

        assert_eq!(record, ("text/plain".to_owned(), b"hi".to_vec()));
    }
}

#[tokio::test]
async fn json_that_is_not_the_request_is_a_bad_request_that_says_where() {
    for (body, why) in [
        ("{", "EOF"),
        (r#"{"colour":"red"}"#, "colour"),
        (r#"{"value":"not base64!"}"#, "base64"),
        (r#"{"value":5}"#, "value"),
        (r#"{"key":"another"}"#, "key"),
        ("[]", "object"),
        ("", "EOF"),
    ] {
        let (status, message) = read(Some("application/json"), body).await.unwrap_err();

        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(message.contains(why), "{body}: {message}");
    }
}

#[tokio::test]
async fn a_value_may_have_a_mebibyte_and_not_a_byte_more() {
    read(None, vec![0; MAX_VALUE]).await.unwrap();

    let (status, _message) = read(None, vec![0; MAX_VALUE + 1]).await.unwrap_err();

    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_announced_too_long_is_refused_unread() {
    let unreadable = Body::from_stream(futures::stream::once(async {
        panic!("the body must not be read");
        #[expect(unreachable_code, reason = "it names the stream's type")]
        Ok::<_, std::io::Error>(bytes::Bytes::new())
    }));
    let mut request = Request::new(unreadable);
    request
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(MAX_VALUE + 1));

    let error = read_write("greeting".to_owned(), request, MAX_VALUE)
        .await
        .unwrap_err();

    assert_eq!(error.into_test_parts().0, StatusCode::PAYLOAD_TOO_LARGE);
}
