//! One request, all the way, as `cargo run` starts it.

use std::time::Duration;

use clap::Parser as _;
use local_cluster::Args;
use runtime::CancellationToken;

use crate::support::{
    Kubernetes, Program, channel, get, greet, header_of, http, json, mk_request, text,
};
use proto::api::v1::api_client::ApiClient;

#[tokio::test]
async fn a_call_travels_from_curl_to_token_review_and_back() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let api = Program::api(&kubernetes, data_store.addr).await;

    let greeting = get(api.addr, "/").await;
    assert_eq!(greeting.status(), 200);
    assert_eq!(
        text(&greeting),
        "Hello from data store. You have been authenticated"
    );

    let in_json = json(
        &http(
            api.addr,
            mk_request("GET", "/", &[("accept", "application/json")], ""),
        )
        .await,
    );
    let caller = &in_json["caller"];
    assert_eq!(caller["username"], "system:serviceaccount:api:api");
    assert_eq!(
        (&caller["namespace"], &caller["serviceAccount"]),
        (&"api".into(), &"api".into())
    );
    assert_eq!(caller["audiences"], serde_json::json!(["data-store"]));
    assert_eq!(caller["pod"]["name"], "api");
    assert_eq!(caller["node"]["name"], "local");
    assert!(caller["credentialId"].as_str().unwrap().starts_with("JTI="));
    let pod = kubernetes.cluster.get("pods", "api", "api").unwrap();
    assert_eq!(caller["pod"]["uid"], pod["metadata"]["uid"]);
    let account = kubernetes
        .cluster
        .get("serviceaccounts", "api", "api")
        .unwrap();
    assert_eq!(caller["uid"], account["metadata"]["uid"]);
    assert!(caller["expireTime"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn grpc_and_http_are_served_on_the_one_port_of_the_api() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let api = Program::api(&kubernetes, data_store.addr).await;
    let mut client = ApiClient::new(channel(api.addr));

    let put = proto::records::v1::PutRecordRequest {
        key: "a".to_owned(),
        value: "over gRPC".into(),
        content_type: "text/plain".to_owned(),
        expected_revision: None,
    };
    client.put_record(put).await.unwrap();

    assert_eq!(text(&get(api.addr, "/v1/records/a").await), "over gRPC");
}

#[tokio::test]
async fn a_token_is_taken_under_the_articles_header_too() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.token("api");
    let headers = [
        ("x-client-id", token.as_str()),
        ("content-type", "application/grpc"),
    ];

    // An empty gRPC message: not compressed, no bytes.
    let request = mk_request(
        "POST",
        "/datastore.v1.DataStore/Greet",
        &headers,
        &b"\0\0\0\0\0"[..],
    );
    let response = http(data_store.addr, request).await;

    let sentence = b"You have been authenticated";
    assert!(
        response
            .body()
            .windows(sentence.len())
            .any(|window| window == sentence),
        "{response:?}"
    );
}

#[tokio::test]
async fn calls_go_on_while_the_token_rotates() {
    let kubernetes = Kubernetes::start_with(Some(Duration::from_secs(10))).await;
    let data_store = Program::data_store(&kubernetes).await;
    let api = Program::api(&kubernetes, data_store.addr).await;
    let credential = async || {
        let greeting = http(
            api.addr,
            mk_request("GET", "/", &[("accept", "application/json")], ""),
        )
        .await;
        assert_eq!(greeting.status(), 200, "{}", text(&greeting));
        json(&greeting)["caller"]["credentialId"].clone()
    };

    let first = credential().await;
    // Until the next token is in use; every call on the way must go through.
    while credential().await == first {}
}

#[tokio::test]
async fn all_of_it_starts_in_one_process_and_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut flags = vec![
        "local-cluster".to_owned(),
        "--folder".to_owned(),
        folder.path().display().to_string(),
    ];
    for flag in [
        "kubernetes",
        "api",
        "api-admin",
        "data-store",
        "data-store-admin",
    ] {
        flags.extend([format!("--{flag}-addr"), "127.0.0.1:0".to_owned()]);
    }
    let local = Args::try_parse_from(flags).unwrap().bind().await.unwrap();
    let (api, data_store) = local.addrs().unwrap();
    let token = local
        .cluster()
        .cluster()
        .mint("api", "api", &["data-store"], Duration::from_secs(600))
        .unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(local.run(stop.clone().cancelled_owned()));

    assert_eq!(get(api, "/").await.status(), 200);
    let greeting = greet(data_store, Some(token.expose())).await.unwrap();
    assert_eq!(greeting.caller.unwrap().pod, None);

    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_data_store_answers_plain_http_too_and_only_to_who_is_authenticated() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.token("api");

    // As the client of the original article asks.
    let headers = [("x-client-id", token.as_str())];
    let welcome = http(data_store.addr, mk_request("GET", "/", &headers, "")).await;
    let refused = get(data_store.addr, "/").await;

    assert_eq!(
        text(&welcome),
        "Hello from data store. You have been authenticated"
    );
    assert_eq!(refused.status(), 401);
    assert_eq!(header_of(refused.headers(), "www-authenticate"), "Bearer");
    assert_eq!(json(&refused)["details"][0]["reason"], "TOKEN_MISSING");
}
