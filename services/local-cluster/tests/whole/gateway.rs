//! The HTTP face of the api: what it takes, what it gives, and what it refuses.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Kubernetes, Program, get, header_of, http, json, mk_request, open, text};

/// Everything a request needs, kept alive.
struct House {
    api: SocketAddr,
    _programs: (Program, Program),
    _kubernetes: Kubernetes,
}

impl House {
    async fn new() -> Self {
        let kubernetes = Kubernetes::start().await;
        let data_store = Program::data_store(&kubernetes).await;
        let api = Program::api(&kubernetes, data_store.addr).await;
        Self {
            api: api.addr,
            _programs: (data_store, api),
            _kubernetes: kubernetes,
        }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        http(self.api, mk_request(method, path, headers, body)).await
    }

    async fn put(&self, key: &str, value: &'static str) {
        let response = self
            .send(
                "PUT",
                &format!("/v1/records/{key}"),
                &[("content-type", "text/plain")],
                value,
            )
            .await;
        assert_eq!(response.status(), 200, "{}", text(&response));
    }
}

/// The status line, and the code and message of the JSON body.
fn refused(response: &Response<Bytes>) -> (u16, String, String) {
    let body = json(response);
    let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (
        response.status().as_u16(),
        field("status"),
        field("message"),
    )
}

#[tokio::test]
async fn a_value_comes_back_as_it_was_put() {
    let house = House::new().await;

    let put = house
        .send(
            "PUT",
            "/v1/records/greeting",
            &[("content-type", "text/plain")],
            "hi there",
        )
        .await;
    let record = json(&put);
    assert_eq!(record["value"], "aGkgdGhlcmU=");
    assert_eq!(record["updatedBy"], "system:serviceaccount:api:api");

    let value = get(house.api, "/v1/records/greeting").await;
    assert_eq!(text(&value), "hi there");
    assert_eq!(header_of(value.headers(), "content-type"), "text/plain");
    assert_eq!(
        header_of(value.headers(), "x-content-type-options"),
        "nosniff"
    );

    let as_json = house
        .send(
            "GET",
            "/v1/records/greeting",
            &[("accept", "application/json")],
            "",
        )
        .await;
    assert_eq!(json(&as_json), record);
}

#[tokio::test]
async fn json_in_is_the_record_as_proto3_writes_it() {
    let house = House::new().await;
    let body = r#"{"value":"e30=","contentType":"application/json"}"#;

    house
        .send(
            "PUT",
            "/v1/records/a",
            &[("content-type", "application/json")],
            body,
        )
        .await;

    let value = get(house.api, "/v1/records/a").await;
    assert_eq!(
        (text(&value), header_of(value.headers(), "content-type")),
        ("{}", "application/json")
    );
}

#[tokio::test]
async fn a_key_may_have_slashes_and_encoded_characters() {
    let house = House::new().await;

    house.put("namespaces/api/a%20b%2Fc", "deep").await;

    assert_eq!(
        text(&get(house.api, "/v1/records/namespaces/api/a%20b/c").await),
        "deep"
    );
    let page = json(&get(house.api, "/v1/records?prefix=namespaces/").await);
    assert_eq!(page["records"][0]["key"], "namespaces/api/a b/c");
}

#[tokio::test]
async fn a_deleted_record_is_gone() {
    let house = House::new().await;
    house.put("a", "hi").await;

    let deleted = house.send("DELETE", "/v1/records/a", &[], "").await;
    assert_eq!(json(&deleted)["revision"], "2");

    for (method, path) in [("GET", "/v1/records/a"), ("DELETE", "/v1/records/a")] {
        let (status, code, message) = refused(&house.send(method, path, &[], "").await);
        assert_eq!((status, code.as_str()), (404, "NOT_FOUND"));
        assert_eq!(message, "no record under that key");
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let house = House::new().await;
    for key in ["a/1", "a/2", "a/3", "b"] {
        house.put(key, "x").await;
    }

    let first = json(&get(house.api, "/v1/records?prefix=a/&page_size=2").await);
    let token = first["nextPageToken"].as_str().unwrap();
    let second = json(
        &get(
            house.api,
            &format!("/v1/records?prefix=a/&page_size=2&page_token={token}"),
        )
        .await,
    );

    let keys = |page: &serde_json::Value| -> Vec<String> {
        let records = page["records"].as_array().unwrap();
        records
            .iter()
            .map(|record| record["key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        (keys(&first), keys(&second)),
        (
            vec!["a/1".to_owned(), "a/2".to_owned()],
            vec!["a/3".to_owned()]
        )
    );
    assert_eq!(second.get("nextPageToken"), None);
}

#[tokio::test]
async fn a_list_that_cannot_be_is_refused() {
    let house = House::new().await;
    house.put("a", "x").await;
    house.put("b", "x").await;
    let page = json(&get(house.api, "/v1/records?page_size=1").await);
    let token = page["nextPageToken"].as_str().unwrap();

    for (query, why) in [
        ("page_size=-1".to_owned(), "page_size"),
        ("page_size=1001".to_owned(), "page_size"),
        ("page_size=many".to_owned(), "page_size"),
        ("page_token=foreign".to_owned(), "page_token"),
        (format!("prefix=b&page_token={token}"), "page_token"),
        ("colour=red".to_owned(), "colour"),
        ("page_size=1&page_size=2".to_owned(), "page_size"),
        (format!("prefix={}", "p".repeat(1025)), "prefix"),
    ] {
        let (status, code, message) =
            refused(&get(house.api, &format!("/v1/records?{query}")).await);

        assert_eq!(
            (status, code.as_str()),
            (400, "INVALID_ARGUMENT"),
            "{query}"
        );
        assert!(message.contains(why), "{query}: {message}");
    }
}

#[tokio::test]
async fn a_write_that_cannot_be_is_refused_and_nothing_is_written() {
    let house = House::new().await;
    let long_key = format!("/v1/records/{}", "k".repeat(1025));
    let text_plain = ("content-type", "text/plain");

    for (path, content_type, body, status) in [
        ("/v1/records/", text_plain, "x", 400),
        (long_key.as_str(), text_plain, "x", 400),
        ("/v1/records/a%00b", text_plain, "x", 400),
        ("/v1/records/%ff", text_plain, "x", 400),
        ("/v1/records/a", ("content-type", "no media type"), "x", 400),
        (
            "/v1/records/a",
            ("content-type", "application/json"),
            "{",
            400,
        ),
        (
            "/v1/records/a",
            ("content-type", "application/json"),
            r#"{"colour":"red"}"#,
            400,
        ),
    ] {
        let response = house.send("PUT", path, &[content_type], body).await;

        let (found, code, message) = refused(&response);
        assert_eq!(
            (found, code.as_str()),
            (status, "INVALID_ARGUMENT"),
            "{path}: {message}"
        );
    }
    assert_eq!(
        json(&get(house.api, "/v1/records").await),
        serde_json::json!({})
    );
}

#[tokio::test]
async fn a_value_over_a_mebibyte_is_refused_before_it_is_read() {
    let house = House::new().await;
    // Announced and never sent: an answer can only come unread.
    let mut stream = tokio::net::TcpStream::connect(house.api).await.unwrap();
    let head = b"PUT /v1/records/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1048577\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");

    let chunked = house
        .send("PUT", "/v1/records/a", &[], vec![b'x'; 1024 * 1024 + 1])
        .await;
    let (status, code, message) = refused(&chunked);
    assert_eq!((status, code.as_str()), (413, "INVALID_ARGUMENT"));
    assert!(message.contains("1048576"), "{message}");

    let largest = house
        .send("PUT", "/v1/records/a", &[], vec![b'x'; 1024 * 1024])
        .await;
    assert_eq!(largest.status(), 200);
    assert_eq!(
        get(house.api, "/v1/records/a").await.body().len(),
        1024 * 1024
    );
}

#[tokio::test]
async fn an_unknown_path_is_not_found_in_the_callers_language() {
    let house = House::new().await;

    for path in [
        "/nope",
        "/v1",
        "/v1/",
        "/v2/records",
        "//",
        "/v1/records:list",
        "/V1/records",
    ] {
        let (status, code, _message) = refused(&get(house.api, path).await);
        assert_eq!((status, code.as_str()), (404, "NOT_FOUND"), "{path}");
    }
    let grpc = house
        .send(
            "POST",
            "/api.v2.Api/Greet",
            &[("content-type", "application/grpc")],
            "",
        )
        .await;
    assert_eq!(grpc.status(), 200);
    assert_eq!(header_of(grpc.headers(), "grpc-status"), "12");
}

#[tokio::test]
async fn a_wrong_method_is_told_which_are_right() {
    let house = House::new().await;

    for (method, path, allow) in [
        ("POST", "/", "GET,HEAD"),
        ("PUT", "/v1/records", "GET,HEAD"),
        ("POST", "/v1/records/a", "GET,HEAD,PUT,DELETE"),
        ("PATCH", "/v1/records/a", "GET,HEAD,PUT,DELETE"),
    ] {
        let response = house.send(method, path, &[], "").await;

        assert_eq!(
            header_of(response.headers(), "allow"),
            allow,
            "{method} {path}"
        );
        let (status, code, _message) = refused(&response);
        assert_eq!(
            (status, code.as_str()),
            (405, "UNIMPLEMENTED"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_grpc_path_takes_nothing_but_grpc() {
    let house = House::new().await;
    // What a page in a browser may send to anybody without asking first.
    let headers = [("content-type", "text/plain")];

    let response = house
        .send(
            "POST",
            "/api.v1.Api/PutRecord",
            &headers,
            &b"\0\0\0\0\x03\x0a\x01a"[..],
        )
        .await;

    let (status, code, _message) = refused(&response);
    assert_eq!((status, code.as_str()), (415, "UNIMPLEMENTED"));
    assert_eq!(
        json(&get(house.api, "/v1/records").await),
        serde_json::json!({})
    );
}

#[tokio::test]
async fn a_record_comes_with_its_revision_as_an_etag_and_not_again_to_whoever_has_it() {
    let house = House::new().await;
    let put = house.send("PUT", "/v1/records/a", &[], "1").await;
    let etag = header_of(put.headers(), "etag").to_owned();

    let got = house.send("GET", "/v1/records/a", &[], "").await;
    let again = house
        .send("GET", "/v1/records/a", &[("if-none-match", &etag)], "")
        .await;

    assert_eq!(
        etag,
        format!("\"{}\"", json(&put)["revision"].as_str().unwrap())
    );
    assert_eq!(header_of(got.headers(), "etag"), etag);
    assert_eq!((again.status().as_u16(), text(&again)), (304, ""));
    assert_eq!(header_of(again.headers(), "etag"), etag);
}

#[tokio::test]
async fn if_match_and_if_none_match_guard_a_write() {
    let house = House::new().await;
    let send = async |method: &str, header: (&str, &str)| {
        let response = house.send(method, "/v1/records/a", &[header], "1").await;
        response.status().as_u16()
    };

    assert_eq!(send("PUT", ("if-match", "\"1\"")).await, 412);
    assert_eq!(send("PUT", ("if-none-match", "*")).await, 200);
    assert_eq!(send("PUT", ("if-none-match", "*")).await, 412);
    assert_eq!(send("PUT", ("if-match", "\"1\"")).await, 200);
    assert_eq!(send("DELETE", ("if-match", "\"1\"")).await, 412);
    assert_eq!(send("DELETE", ("if-match", "W/\"2\"")).await, 412);
    assert_eq!(send("DELETE", ("if-match", "*")).await, 400);
    assert_eq!(send("DELETE", ("if-match", "\"2\"")).await, 200);
    assert_eq!(send("GET", ("accept", "*/*")).await, 404);
}

#[tokio::test]
async fn an_expected_revision_in_the_body_that_differs_is_a_conflict() {
    let house = House::new().await;
    let body = r#"{"value": "aGk=", "expectedRevision": "7"}"#;
    let content_type = ("content-type", "application/json");

    let conflict = house
        .send("PUT", "/v1/records/a", &[content_type], body)
        .await;
    let both = [content_type, ("if-match", "\"8\"")];
    let contradiction = house.send("PUT", "/v1/records/a", &both, body).await;

    let (status, code, message) = refused(&conflict);
    assert_eq!((status, code.as_str()), (409, "ABORTED"));
    assert_eq!(message, "there is no record under that key");
    assert_eq!(contradiction.status(), 400);
}

#[tokio::test]
async fn changes_are_told_as_they_are_made_and_again_to_whoever_comes_back() {
    let house = House::new().await;
    let request = |headers: &[(&str, &str)]| {
        let path = "/v1/records:watch?prefix=a";
        mk_request("GET", path, headers, "")
    };
    let mut watch = open(house.api, request(&[])).await;
    assert!(watch.read_to("\n\n").await.starts_with("event: bookmark\n"));

    house.put("a/1", "one").await;
    house.put("b", "another").await;
    house.send("DELETE", "/v1/records/a/1", &[], "").await;

    let put = watch.read_to("\n\n").await;
    assert!(put.starts_with("event: put\nid: 1\n"), "{put}");
    let deleted = "event: deleted\nid: 3\ndata: {\"revision\":\"3\",\"deleted\":\"a/1\"}\n\n";
    assert_eq!(watch.read_to("\n\n").await, deleted);
    let mut again = open(house.api, request(&[("last-event-id", "1")])).await;
    let told = again.read_to(deleted).await;
    assert!(!told.contains("event: put"), "{told}");
}

#[tokio::test]
async fn a_watch_from_a_revision_that_is_not_yet_is_refused_before_it_begins() {
    let house = House::new().await;

    let ahead = get(house.api, "/v1/records:watch?start_revision=1000").await;

    let (status, code, _message) = refused(&ahead);
    assert_eq!((status, code.as_str()), (400, "OUT_OF_RANGE"));
}

#[tokio::test]
async fn a_path_or_a_query_that_could_be_read_in_two_ways_is_refused() {
    let house = House::new().await;

    for (method, path, why) in [
        ("GET", "/v1/records/../secret", "key"),
        ("GET", "/v1/records/%2e%2e/secret", "key"),
        ("PUT", "/v1/records/a/./b", "key"),
        ("GET", "/v1/records/%zz", "key"),
        ("GET", "/v1/records/%ff", "key"),
        ("DELETE", "/v1/records/a%00", "key"),
        ("GET", "/v1/records/a?key=b", "key"),
        ("GET", "/v1/records?prefix=%ff", "prefix"),
        ("GET", "/v1/records?page_size=1&pageSize=1", "pageSize"),
        ("GET", "/v1/records?page_size=99999999999", "page_size"),
        (
            "DELETE",
            "/v1/records/a?expected_revision=9223372036854775808",
            "expected_revision",
        ),
        (
            "PUT",
            "/v1/records/a?expected_revision=1",
            "expected_revision",
        ),
        ("GET", "/?x=1", "x"),
    ] {
        let (status, code, message) = refused(&house.send(method, path, &[], "").await);

        assert_eq!(
            (status, code.as_str()),
            (400, "INVALID_ARGUMENT"),
            "{path}: {message}"
        );
        assert!(message.starts_with(why), "{path}: {message}");
    }
}

#[tokio::test]
async fn json_that_is_not_the_message_is_refused_by_the_field() {
    let house = House::new().await;
    let deep = format!("{{\"value\":{}", "[".repeat(10_000));

    for (body, field) in [
        (r#"{"colour":"red"}"#, "colour"),
        (r#"{"value":7}"#, "value"),
        (
            r#"{"expectedRevision":"9223372036854775808"}"#,
            "expectedRevision",
        ),
        (r#"{"expectedRevision":1.5}"#, "expectedRevision"),
        (r#"{"key":"another"}"#, "key"),
        (deep.as_str(), "value"),
    ] {
        let headers = [("content-type", "application/json")];
        let response = house
            .send("PUT", "/v1/records/a", &headers, body.to_owned())
            .await;

        assert_eq!(response.status(), 400, "{field}");
        let violation = &json(&response)["details"][0]["fieldViolations"][0];
        assert_eq!(violation["field"], field);
    }
}

#[tokio::test]
async fn a_record_is_deleted_at_a_revision_by_query_or_by_header() {
    let house = House::new().await;
    house.put("a", "1").await;
    let delete = async |query: &str, headers: &[(&str, &str)]| {
        let path = format!("/v1/records/a{query}");
        house.send("DELETE", &path, headers, "").await.status()
    };

    assert_eq!(delete("?expected_revision=7", &[]).await, 409);
    assert_eq!(
        delete("?expected_revision=1", &[("if-match", "\"2\"")]).await,
        400
    );
    assert_eq!(
        delete("?expectedRevision=1", &[("if-match", "\"1\"")]).await,
        200
    );
}
