use std::time::Duration;

use axum::{body::Body, extract::Request};
use http_body_util::BodyExt as _;
use runtime::CancellationToken;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{Form, LIFETIME, RequestInfo, Selector, Watched, answer};
use crate::api_server::objects::kind::POD;
use crate::{Cluster, SigningKey};

const METADATA: Form = Form::Metadata;

fn mk_cluster() -> Cluster {
    let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
    let namespace =
        json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": { "name": "api" } });
    Cluster::builder(key)
        .with_object(namespace)
        .build()
        .unwrap()
}

fn mk_pod() -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": { "name": "departing", "namespace": "api" },
        "spec": { "containers": [] },
    })
}

fn open(cluster: &Cluster, query: &str, stop: &CancellationToken) -> Body {
    let path = format!("/api/v1/namespaces/api/pods?watch=1&{query}");
    let info = RequestInfo::of(&Request::get(path).body(Body::empty()).unwrap());
    let watched = Watched {
        kind: &POD,
        namespace: Some("api".to_owned()),
        selector: Selector::default(),
        form: METADATA,
    };
    let rsp = answer(cluster.clone(), watched, &info, stop.clone()).unwrap();
    rsp.into_body()
}

/// One event a frame; `None` when the watch is over.
async fn next(body: &mut Body) -> Option<Value> {
    let frame = body.frame().await?.unwrap();
    Some(serde_json::from_slice(&frame.into_data().unwrap()).unwrap())
}

fn keys(event: &Value) -> Vec<&String> {
    event["object"]["metadata"]
        .as_object()
        .unwrap()
        .keys()
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_comes_and_goes_is_told_as_recorded() {
    let recording = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/recorded-exchanges.json"
    ));
    let recorded: Vec<Value> = serde_json::from_str(recording).unwrap();
    let recorded = recorded[80]["response_lines"].as_array().unwrap();
    let cluster = mk_cluster();
    let (version, _) = cluster.objects().list(&POD, None);
    let query = format!("allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=4");
    let mut body = open(&cluster, &query, &CancellationToken::new());
    let began = Instant::now();

    cluster.create(mk_pod()).unwrap();
    cluster.delete("pods", "api", "departing").unwrap();

    for expected in recorded {
        let event = next(&mut body).await.unwrap();
        assert_eq!(event["type"], expected["type"]);
        assert_eq!(event["object"]["kind"], expected["object"]["kind"]);
        assert_eq!(
            event["object"]["apiVersion"],
            expected["object"]["apiVersion"]
        );
        assert_eq!(keys(&event), keys(expected));
    }
    assert_eq!(next(&mut body).await, None);
    assert_eq!(began.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_a_timeout_ends_all_the_same() {
    let cluster = mk_cluster();
    let mut body = open(&cluster, "", &CancellationToken::new());
    let began = Instant::now();

    assert_eq!(next(&mut body).await, None);

    assert_eq!(began.elapsed().as_secs(), LIFETIME.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_the_server_stops() {
    let cluster = mk_cluster();
    let stop = CancellationToken::new();
    let mut body = open(&cluster, "", &stop);

    stop.cancel();

    let ended = timeout(Duration::from_secs(1), next(&mut body))
        .await
        .unwrap();
    assert_eq!(ended, None);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_fell_behind_is_told_to_list_again() {
    let cluster = mk_cluster();
    let mut body = open(&cluster, "", &CancellationToken::new());

    for _ in 0..2_000 {
        cluster.create(mk_pod()).unwrap();
        cluster.delete("pods", "api", "departing").unwrap();
    }

    let event = next(&mut body).await.unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
    assert_eq!(next(&mut body).await, None);
}
