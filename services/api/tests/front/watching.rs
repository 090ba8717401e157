//! Changes in HTTP, as events and as lines.

use serde_json::json;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    http_client::{header_of, http, json as json_of, mk_request, open},
    support::{Answer, House},
};

fn changes() -> Vec<serde_json::Value> {
    vec![
        json!({ "revision": "6" }),
        json!({ "revision": "7", "put": { "key": "a", "value": "aGk=", "revision": "7" } }),
        json!({ "revision": "9", "deleted": "a" }),
    ]
}

#[tokio::test]
async fn changes_come_as_events_with_their_revision_for_an_id() {
    let mut house = House::new().await;
    house.answer("WatchRecords", Answer::Stream(changes()));

    let request = mk_request(
        "GET",
        "/v1/records:watch?prefix=a&start_revision=7",
        &[],
        "",
    );
    let mut watch = open(house.api, request).await;

    let headers = watch.response.headers();
    assert_eq!(header_of(headers, "content-type"), "text/event-stream");
    assert_eq!(header_of(headers, "cache-control"), "no-cache");
    let text = watch
        .read_to("{\"revision\":\"9\",\"deleted\":\"a\"}\n\n")
        .await;
    assert_eq!(
        text,
        "event: bookmark\nid: 6\ndata: {\"revision\":\"6\"}\n\n\
         event: put\nid: 7\ndata: {\"revision\":\"7\",\"put\":{\"key\":\"a\",\"value\":\"aGk=\",\"revision\":\"7\"}}\n\n\
         event: deleted\nid: 9\ndata: {\"revision\":\"9\",\"deleted\":\"a\"}\n\n"
    );
    let heard = house.heard().await;
    assert_eq!(
        heard.message,
        json!({ "prefix": "a", "startRevision": "7" })
    );
}

#[tokio::test]
async fn who_comes_back_with_the_last_event_it_has_seen_goes_on_after_it() {
    let mut house = House::new().await;
    house.answer("WatchRecords", Answer::Stream(Vec::new()));
    let headers = [("last-event-id", "41")];

    let request = mk_request("GET", "/v1/records:watch?start_revision=7", &headers, "");
    let _watch = open(house.api, request).await;

    assert_eq!(
        house.heard().await.message,
        json!({ "startRevision": "42" })
    );
}

#[tokio::test]
async fn changes_come_as_lines_for_whoever_asks_for_them() {
    let house = House::new().await;
    house.answer("WatchRecords", Answer::Stream(changes()));
    let headers = [("accept", "application/x-ndjson")];

    let request = mk_request("GET", "/v1/records:watch", &headers, "");
    let mut watch = open(house.api, request).await;

    let headers = watch.response.headers();
    assert_eq!(header_of(headers, "content-type"), "application/x-ndjson");
    let text = watch.read_to("\"deleted\":\"a\"}}\n").await;
    assert_eq!(text.lines().count(), 3);
    assert!(
        text.starts_with("{\"result\":{\"revision\":\"6\"}}\n{\"result\":"),
        "{text}"
    );
}

#[tokio::test]
async fn a_watch_that_breaks_ends_with_what_happened_and_when_to_come_back() {
    let house = House::new().await;
    let mut details = ErrorDetails::with_error_info("STOPPING", "data-store", []);
    details.set_retry_info(Some(std::time::Duration::from_secs(1)));
    let end = Status::with_error_details(tonic::Code::Unavailable, "it stops", details);
    house.answer("WatchRecords", Answer::Broken(Vec::new(), end));

    let events = http(house.api, mk_request("GET", "/v1/records:watch", &[], ""));
    let lines = [("accept", "application/x-ndjson")];
    let lines = http(
        house.api,
        mk_request("GET", "/v1/records:watch", &lines, ""),
    );
    let (events, lines) = (events.await, lines.await);

    let status = r#"{"code":14,"status":"UNAVAILABLE","message":"it stops","details":["#;
    let events = std::str::from_utf8(events.body()).unwrap();
    assert!(
        events.starts_with(&format!("event: error\ndata: {status}")),
        "{events}"
    );
    assert!(events.ends_with("\nretry: 1000\n\n"), "{events}");
    let lines = std::str::from_utf8(lines.body()).unwrap();
    assert!(
        lines.starts_with(&format!("{{\"error\":{status}")),
        "{lines}"
    );
}

#[tokio::test]
async fn a_watch_that_cannot_begin_is_refused_as_every_call_is() {
    let house = House::new().await;
    house.answer(
        "WatchRecords",
        Answer::Refuse(Status::out_of_range("forgotten")),
    );

    let response = http(house.api, mk_request("GET", "/v1/records:watch", &[], "")).await;

    assert_eq!(response.status(), 400);
    assert_eq!(json_of(&response)["status"], "OUT_OF_RANGE");
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_call_to_the_data_store() {
    let mut house = House::new().await;
    house.answer("WatchRecords", Answer::Stream(changes()));
    let request = mk_request("GET", "/v1/records:watch", &[], "");
    let mut watch = open(house.api, request).await;
    watch.read_to("\"revision\":\"6\"}\n\n").await;
    let heard = house.heard().await;

    drop(watch);

    // It is never sent, but dropped.
    heard.over.await.unwrap_err();
}

#[tokio::test]
async fn a_watch_lasts_as_long_as_its_caller_said() {
    let house = House::new().await;
    house.answer("WatchRecords", Answer::Stream(changes()));
    let headers = [("x-request-timeout", "50ms")];

    let request = mk_request("GET", "/v1/records:watch", &headers, "");
    let response = http(house.api, request).await;

    let events = std::str::from_utf8(response.body()).unwrap();
    assert!(events.contains("event: deleted"), "{events}");
    assert!(
        events.contains("event: error\ndata: {\"code\":4,"),
        "{events}"
    );
}

#[tokio::test]
async fn too_many_watches_are_refused_and_a_place_is_free_again_when_one_ends() {
    let mut house = House::with(|config| config.max_watches = 1).await;
    house.answer("WatchRecords", Answer::Stream(changes()));
    let request = || mk_request("GET", "/v1/records:watch", &[], "");
    let first = open(house.api, request()).await;
    let heard = house.heard().await;

    let refused = http(house.api, request()).await;
    drop(first);
    heard.over.await.unwrap_err();

    assert_eq!(refused.status(), 503);
    assert_eq!(json_of(&refused)["details"][0]["reason"], "OVERLOADED");
    assert_eq!(header_of(refused.headers(), "retry-after"), "1");
    // The place was given back before the call to the data store ended.
    assert_eq!(open(house.api, request()).await.response.status(), 200);
}

#[tokio::test]
async fn a_stop_ends_every_watch_with_a_word() {
    let house = House::new().await;
    house.answer("WatchRecords", Answer::Stream(changes()));
    let request = mk_request("GET", "/v1/records:watch", &[], "");
    let mut watch = open(house.api, request).await;
    watch.read_to("\"deleted\":\"a\"}\n\n").await;

    house.stop();

    let end = watch.read_to("\u{0}").await;
    assert!(end.contains("event: error\ndata: {\"code\":14,"), "{end}");
    assert!(end.contains("STOPPING"), "{end}");
    house.stopped().await;
}
