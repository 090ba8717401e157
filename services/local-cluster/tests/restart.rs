//! What survives when the stand-in, or only its API server, is stopped and started again.

#[path = "support/client.rs"]
mod client;

use std::{fs, future, time::Duration};

use local_cluster::{Bound, Config};
use runtime::CancellationToken;
use serde_json::{Value, json};
use tonic_kube_auth::Clock;

use self::client::Client;

async fn bind(folder: &std::path::Path) -> Bound {
    let mut config = Config::new(folder);
    config.address = ([127, 0, 0, 1], 0).into();
    config.clock = Clock::stopped_at(1_000_000);
    config.bind().await.expect("the stand-in must be set up")
}

fn mk_review(token: &str) -> String {
    json!({ "spec": { "token": token, "audiences": ["data-store"] } }).to_string()
}

fn is_authenticated(answer: &Value) -> bool {
    answer.pointer("/status/authenticated") == Some(&Value::Bool(true))
}

#[tokio::test]
async fn a_restart_keeps_keys_and_uids_so_that_old_tokens_and_kubeconfigs_still_work() {
    let folder = tempfile::tempdir().unwrap();
    let uid = |bound: &Bound, resource: &str, name: &str| {
        let namespace = if resource == "namespaces" { "" } else { "api" };
        let object = bound
            .cluster()
            .get(resource, namespace, name)
            .expect("it must be seeded");
        object.pointer("/metadata/uid").cloned()
    };
    let first = bind(folder.path()).await;
    let ca = fs::read_to_string(first.paths().ca_certificate()).unwrap();
    let token = fs::read_to_string(first.paths().api_token()).unwrap();
    let uids: Vec<_> = [
        ("pods", "api"),
        ("serviceaccounts", "api"),
        ("serviceaccounts", "default"),
        ("namespaces", "api"),
    ]
    .into();
    let before: Vec<_> = uids
        .iter()
        .map(|(resource, name)| uid(&first, resource, name))
        .collect();
    first.run(future::ready(())).await.unwrap();

    let second = bind(folder.path()).await;

    let after: Vec<_> = uids
        .iter()
        .map(|(resource, name)| uid(&second, resource, name))
        .collect();
    assert_eq!(before, after);
    assert_eq!(
        ca,
        fs::read_to_string(second.paths().ca_certificate()).unwrap()
    );
    let admin = fs::read_to_string(second.paths().pki().join("admin.token")).unwrap();
    let client = Client::new(second.address(), &ca);
    let server = tokio::spawn(second.run(future::pending()));
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let answer = client
        .send("POST", path, Some(&admin), None, Some(mk_review(&token)))
        .await;
    assert!(is_authenticated(&answer.assert(201).json()));
    server.abort();
}

#[tokio::test]
async fn the_api_server_can_go_and_come_back_alone_with_the_same_state() {
    let folder = tempfile::tempdir().unwrap();
    let bound = bind(folder.path()).await;
    let ca = fs::read_to_string(bound.paths().ca_certificate()).unwrap();
    let token_path = bound.paths().api_token();
    let cluster = bound.cluster().clone();
    let token = cluster
        .mint("api", "api", &[], Duration::from_secs(600))
        .unwrap();
    let address = bound.address();
    let client = Client::new(address, &ca);
    let (server, running, _kubelet) = bound.into_parts();
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let ask = || {
        client.send(
            "POST",
            path,
            Some(token.expose()),
            None,
            Some("{}".to_owned()),
        )
    };

    let stop = CancellationToken::new();
    let task = tokio::spawn(running.run(stop.clone()));
    let before = ask().await.assert(201).json();
    stop.cancel();
    task.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert!(token_path.exists());

    let stop = CancellationToken::new();
    let task = tokio::spawn(server.bind(address).await.unwrap().run(stop.clone()));
    let after = ask().await.assert(201).json();

    assert_eq!(before, after);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_second_stand_in_on_the_same_address_fails_and_leaves_the_files_of_the_first_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = bind(folder.path()).await;
    let token = fs::read_to_string(first.paths().api_token()).unwrap();
    let mut config = Config::new(folder.path());
    config.address = first.address();

    let error = config.bind().await.unwrap_err().to_string();

    assert!(error.contains("in use"), "{error}");
    assert_eq!(
        token,
        fs::read_to_string(first.paths().api_token()).unwrap()
    );
}

#[tokio::test]
async fn no_token_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let bound = bind(folder.path()).await;
    let admin = fs::read_to_string(bound.paths().pki().join("admin.token")).unwrap();
    let token = fs::read_to_string(bound.paths().api_token()).unwrap();
    let minted = bound
        .cluster()
        .mint("api", "api", &[], Duration::from_secs(60))
        .unwrap();

    let printed = format!("{bound:?} {minted:?}");

    for secret in [admin.as_str(), &token, minted.expose()] {
        assert!(!printed.contains(secret));
        assert!(!printed.contains(&secret[..20]));
    }
}
