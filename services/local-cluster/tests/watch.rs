//! Lists and watches, in the forms clients ask for.

#[path = "support/client.rs"]
mod client;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use local_cluster::{Cluster, Secret, SigningKey, User};
use serde_json::{Value, json};

use self::client::{Client, serve};

const PODS: &str = "/api/v1/namespaces/api/pods";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

async fn start() -> (Cluster, Client) {
    let key = SigningKey::generate().expect("there must be randomness");
    let key = SigningKey::from_pkcs8(&key).expect("a key just made must be good");
    let cluster = Cluster::builder(key)
        .with_static_token(&Secret::new("admin".to_owned()), User::admin())
        .with_object(
            json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": { "name": "api" } }),
        )
        .with_object(mk_pod("steady"))
        .build()
        .expect("the objects must be good");
    let client = serve(cluster.clone()).await;
    (cluster, client)
}

fn mk_pod(name: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": { "name": name, "namespace": "api" },
        "spec": { "containers": [{ "name": "main", "image": "example" }] },
    })
}

/// The events of a watch, one by one.
struct Events {
    body: Incoming,
    text: String,
}

impl Events {
    async fn open(client: &Client, query: &str, accept: &str) -> Self {
        let path = format!("{PODS}?watch=1&{query}");
        let rsp = client
            .open("GET", &path, Some("admin"), Some(accept), None)
            .await;
        assert_eq!(rsp.status().as_u16(), 200);
        Self {
            body: rsp.into_body(),
            text: String::new(),
        }
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let event = serde_json::from_str(line).expect("a line must be JSON");
                self.text = rest.to_owned();
                return Some(event);
            }
            let frame = self.body.frame().await?.expect("the watch must end well");
            let data = frame.into_data().expect("there must be no trailers");
            self.text
                .push_str(std::str::from_utf8(&data).expect("text"));
        }
    }
}

fn field<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[tokio::test]
async fn a_list_of_metadata_has_the_recorded_shape() {
    let (_cluster, client) = start().await;

    let list = client
        .send("GET", PODS, Some("admin"), Some(METADATA_LIST), None)
        .await
        .json();

    assert_eq!(field(&list, "/kind"), "PartialObjectMetadataList");
    assert_eq!(field(&list, "/items/0/metadata/name"), "steady");
    assert!(list.pointer("/items/0/spec").is_none());
    assert!(
        field(&list, "/metadata/resourceVersion")
            .parse::<u64>()
            .is_ok()
    );
}

#[tokio::test]
async fn a_watch_from_nowhere_begins_with_what_is_there() {
    let (_cluster, client) = start().await;

    let mut events = Events::open(
        &client,
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        METADATA,
    )
    .await;

    let first = events.next().await.unwrap();
    assert_eq!(
        (
            field(&first, "/type"),
            field(&first, "/object/metadata/name")
        ),
        ("ADDED", "steady")
    );
    let second = events.next().await.unwrap();
    assert_eq!(field(&second, "/type"), "BOOKMARK");
    assert_eq!(
        field(
            &second,
            "/object/metadata/annotations/k8s.io~1initial-events-end"
        ),
        "true"
    );
}

#[tokio::test]
async fn a_watch_from_before_the_cluster_began_is_told_to_list_again() {
    let (_cluster, client) = start().await;

    let path = format!("{PODS}?watch=1&resourceVersion=1");
    let answer = client.send("GET", &path, Some("admin"), None, None).await;

    assert_eq!(answer.status, 410);
    assert_eq!(field(&answer.json(), "/reason"), "Expired");
}

#[tokio::test]
async fn a_watch_of_one_pod_does_not_hear_of_others() {
    let (cluster, client) = start().await;
    let mut events = Events::open(
        &client,
        "fieldSelector=metadata.name%3Dmine&timeoutSeconds=60",
        METADATA,
    )
    .await;

    cluster.create(mk_pod("other")).unwrap();
    cluster.create(mk_pod("mine")).unwrap();

    let event = events.next().await.unwrap();
    assert_eq!(field(&event, "/object/metadata/name"), "mine");
}

#[tokio::test]
async fn kubectl_gets_a_table() {
    let (_cluster, client) = start().await;
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

    let table = client
        .send("GET", PODS, Some("admin"), Some(accept), None)
        .await
        .json();

    assert_eq!(field(&table, "/kind"), "Table");
    assert_eq!(field(&table, "/rows/0/cells/0"), "steady");
    assert_eq!(field(&table, "/rows/0/object/metadata/namespace"), "api");
}

/// `kubectl delete` waits by asking for the object until it is gone.
#[tokio::test]
async fn a_deleted_object_is_gone_at_once_as_kubectl_delete_waits_for() {
    let (_cluster, client) = start().await;
    let path = format!("{PODS}/steady");

    let deleted = client
        .send("DELETE", &path, Some("admin"), None, None)
        .await
        .assert(200)
        .json();

    assert_eq!(field(&deleted, "/kind"), "Pod");
    assert!(!field(&deleted, "/metadata/uid").is_empty());
    assert_eq!(
        client
            .send("GET", &path, Some("admin"), None, None)
            .await
            .status,
        404
    );
}
