//! The document is true: whatever it says is answered is what a running api answers, when it is asked as the document says.

use std::{collections::BTreeSet, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    http_client::{get, header_of, http, mk_request, text},
    support::{Answer, House},
};

/// The id that the examples of refusals name.
const ID: (&str, &str) = ("x-request-id", "an-example");

/// One answer of the document: of which method, with which status, in which form.
type Place = (String, u16, String);

fn document_of(response: &Response<Bytes>) -> Value {
    assert_eq!(
        header_of(response.headers(), "content-type"),
        "application/json"
    );
    serde_json::from_slice(response.body()).unwrap()
}

/// Every answer that the document has, with its example.
fn answers(document: &Value) -> Vec<(Place, Value)> {
    let mut answers = Vec::new();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|path| path.as_object().unwrap());
    for operation in operations.map(|(_verb, operation)| operation) {
        let id = operation["operationId"].as_str().unwrap();
        for (status, response) in operation["responses"].as_object().unwrap() {
            let status = status.parse().unwrap();
            let place = |form: &str| (id.to_owned(), status, form.to_owned());
            let Some(content) = response["content"].as_object() else {
                answers.push((place(""), Value::Null));
                continue;
            };
            for (form, media) in content {
                answers.push((place(form), media["example"].clone()));
            }
        }
    }
    answers
}

/// How the data store comes to give the answer, and how a caller asks for it.
fn script(place: &Place, example: &Value) -> (Answer, Request<Full<Bytes>>) {
    let (method, status, form) = (place.0.as_str(), place.1, place.2.as_str());
    let (verb, path) = match method {
        "Greet" => ("GET", "/"),
        "GetRecord" => ("GET", "/v1/records/greeting"),
        "PutRecord" => ("PUT", "/v1/records/greeting"),
        "DeleteRecord" => ("DELETE", "/v1/records/greeting"),
        "ListRecords" => ("GET", "/v1/records"),
        "WatchRecords" => ("GET", "/v1/records:watch"),
        method => unreachable!("there is no way to ask for {method}"),
    };
    let ask = |headers: &[(&str, &str)], body: &'static str| {
        let headers = [headers, &[ID]].concat();
        mk_request(verb, path, &headers, body)
    };
    let json_type = ("content-type", "application/json");
    let accept = ("accept", if form == "*/*" { "image/*" } else { form });
    let refused = |code, reason| {
        let details = ErrorDetails::with_error_info(reason, "tonic-kube-auth", []);
        Answer::Refuse(Status::with_error_details(code, "no", details))
    };
    match status {
        200 => {
            let answer = match (method, form) {
                ("WatchRecords", _) => stream(form, example.as_str().unwrap()),
                ("Greet", "text/plain") => Answer::Json(json!({ "message": example })),
                ("GetRecord", "*/*") => Answer::Json(json!({
                    "value": "aGkgdGhlcmU=", "contentType": "image/png", "revision": "7",
                })),
                _ => Answer::Json(example.clone()),
            };
            (answer, ask(&[accept], ""))
        }
        304 => (
            Answer::Json(json!({ "revision": "7" })),
            ask(&[("if-none-match", "\"7\"")], ""),
        ),
        400 if method == "PutRecord" => (Answer::Silence, ask(&[json_type], r#"{"colour":"red"}"#)),
        400 => {
            let path = format!("{path}?colour=red");
            (Answer::Silence, mk_request(verb, &path, &[ID], ""))
        }
        404 => (
            Answer::Refuse(Status::not_found("no record under that key")),
            ask(&[], ""),
        ),
        406 => (Answer::Silence, ask(&[("accept", "image/png")], "")),
        409 | 412 => {
            let current = [("current_revision".to_owned(), "7".to_owned())];
            let details = ErrorDetails::with_error_info("REVISION_MISMATCH", "data-store", current);
            let message = "the record is at revision 7; read it, and try again";
            let differs = Status::with_error_details(Code::Aborted, message, details);
            let headers: &[_] = if status == 412 {
                &[("if-match", "\"6\"")]
            } else {
                &[]
            };
            (Answer::Refuse(differs), ask(headers, ""))
        }
        413 => (
            Answer::Silence,
            mk_request(verb, path, &[ID], vec![0; proto::MAX_VALUE + 1]),
        ),
        500 => (
            Answer::Refuse(Status::internal("what is inside")),
            ask(&[], ""),
        ),
        502 => (
            refused(Code::PermissionDenied, "CALLER_NOT_ALLOWED"),
            ask(&[], ""),
        ),
        504 => (Answer::Silence, ask(&[("x-request-timeout", "1ms")], "")),
        status => unreachable!("there is no way to make a {status}"),
    }
}

/// Says that a body will come, and sends none.
async fn without_body(addr: SocketAddr) -> Response<Bytes> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = "PUT /v1/records/greeting HTTP/1.1\r\nhost: localhost\r\nx-request-id: an-example\r\n\
         x-request-timeout: 20ms\r\ncontent-length: 8\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut response = Response::builder().status(&head["HTTP/1.1 ".len()..][..3]);
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        response = response.header(name, value);
    }
    response.body(body.to_owned().into()).unwrap()
}

/// The changes that an example tells.
fn stream(form: &str, example: &str) -> Answer {
    let changes = match form {
        "text/event-stream" => example
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect(),
        _ => example
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["result"].clone())
            .collect(),
    };
    Answer::Broken(changes, Status::unavailable("the end"))
}

/// The lines of a stream, each with what it holds of JSON: the order of fields means nothing there.
fn lines(text: &str) -> Vec<(&str, Value)> {
    text.lines()
        .map(|line| {
            let (before, json) = line.split_at(line.find('{').unwrap_or(line.len()));
            (before, serde_json::from_str(json).unwrap_or_default())
        })
        .collect()
}

/// Whether an answer is what the document says it is.
fn is_as_documented(place: &Place, example: &Value, response: &Response<Bytes>) -> bool {
    let form = header_of(response.headers(), "content-type");
    let body = text(response);
    match place.2.as_str() {
        "" => body.is_empty(),
        "application/json" => {
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            form == place.2 && body == *example
        }
        // What comes after the example is the end of the stream.
        "text/event-stream" | "application/x-ndjson" => {
            form == place.2 && lines(body).starts_with(&lines(example.as_str().unwrap()))
        }
        "*/*" => form == "image/png" && body == example.as_str().unwrap(),
        named => form.starts_with(named) && body == example.as_str().unwrap(),
    }
}

#[tokio::test]
async fn every_answer_in_the_document_is_one_that_the_api_gives() {
    let house = House::new().await;
    let document = document_of(&get(house.api, "/openapi.json").await);
    let of_callers = BTreeSet::from([401, 403]);

    for (place, example) in answers(&document) {
        // These need a Kubernetes to ask: tests/whole/callers.rs of local-cluster makes them.
        if of_callers.contains(&place.1) {
            continue;
        }
        if place.1 == 503 {
            let away = House::with(|config| {
                config.data_store_connstring = "127.0.0.1:1".to_owned();
            });
            let (_answer, request) = script(&(place.0.clone(), 404, String::new()), &example);
            let response = http(away.await.api, request).await;
            assert_eq!(response.status(), 503);
            assert!(
                is_as_documented(&place, &example, &response),
                "{place:?}: {}",
                text(&response)
            );
            continue;
        }
        if place.1 == 408 {
            let response = without_body(house.api).await;
            assert_eq!(response.status(), 408);
            assert!(is_as_documented(&place, &example, &response), "{place:?}");
            continue;
        }
        let (answer, request) = script(&place, &example);
        let method = proto::pool()
            .get_service_by_name("api.v1.Api")
            .unwrap()
            .methods()
            .position(|method| method.name() == place.0)
            .map(|at| METHODS[at])
            .unwrap();
        house.answer(method, answer);

        let response = http(house.api, request).await;

        assert_eq!(response.status(), place.1, "{place:?}: {}", text(&response));
        assert!(
            is_as_documented(&place, &example, &response),
            "{place:?}: {example} is not {:?} {}",
            response.headers(),
            text(&response)
        );
    }
}

const METHODS: [&str; 6] = [
    "Greet",
    "GetRecord",
    "PutRecord",
    "DeleteRecord",
    "ListRecords",
    "WatchRecords",
];

#[tokio::test]
async fn every_body_in_the_document_is_one_that_the_api_takes() {
    let mut house = House::new().await;
    let document = document_of(&get(house.api, "/openapi.json").await);
    let bodies = document.pointer("/paths/~1v1~1records~1{key}/put/requestBody/content");
    house.answer("PutRecord", Answer::Json(json!({ "revision": "7" })));

    for (form, media) in bodies.unwrap().as_object().unwrap() {
        let body = match &media["example"] {
            Value::String(text) => text.clone(),
            json => json.to_string(),
        };
        let headers = [("content-type", form.as_str())];
        let request = mk_request("PUT", "/v1/records/greeting", &headers, body);

        let response = http(house.api, request).await;

        assert_eq!(response.status(), 200, "{form}: {}", text(&response));
        let heard = house.heard().await.message;
        assert_eq!(heard["value"], "aGkgdGhlcmU=", "{form}");
    }
}
