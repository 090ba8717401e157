//! What a pod sees of its tokens: whole files, renewed in time, gone with the pod.

#![expect(
    clippy::indexing_slicing,
    reason = "a token without what is looked for must fail the test"
)]

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use local_cluster::{Cluster, Kubelet, KubeletConfig, SigningKey};
use runtime::CancellationToken;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{self, Instant},
};
use tonic_kube_auth::Clock;

const NODE: &str = "local";
const START: u64 = 1_000_000;

/// A node with a pod whose token lives ten minutes.
struct Node {
    cluster: Cluster,
    folder: TempDir,
    token_lifetime: Option<Duration>,
}

impl Node {
    /// Its clock goes with tokio's, which a test pauses and moves.
    fn new() -> Self {
        let began = Instant::now();
        let clock =
            Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(START) + began.elapsed());
        let key = SigningKey::generate().expect("there must be randomness");
        let key = SigningKey::from_pkcs8(&key).expect("a key just made must be good");
        let mut builder = Cluster::builder(key).with_clock(clock);
        for object in [
            json!({ "kind": "Node", "apiVersion": "v1", "metadata": { "name": NODE } }),
            json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": { "name": "api" } }),
            mk_pod("one"),
        ] {
            builder = builder.with_object(object);
        }
        Self {
            cluster: builder.build().expect("the objects must be good"),
            folder: tempfile::tempdir().expect("there must be room for a folder"),
            token_lifetime: None,
        }
    }

    async fn start(&self) -> Kubelet {
        let config = KubeletConfig {
            node: NODE.to_owned(),
            folder: self.folder.path().to_owned(),
            ca_certificate: "the authority".to_owned(),
            token_lifetime: self.token_lifetime,
        };
        Kubelet::start(self.cluster.clone(), config)
            .await
            .expect("the volumes must be filled")
    }

    fn volume(&self, pod: &str) -> PathBuf {
        self.folder.path().join("api").join(pod).join("tokens")
    }
}

fn mk_pod(name: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": { "name": name, "namespace": "api" },
        "spec": { "nodeName": NODE, "containers": [], "volumes": [{ "name": "tokens", "projected": { "sources": [
            { "serviceAccountToken": { "audience": "data-store", "expirationSeconds": 600, "path": "api-token" } },
            { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
            { "downwardAPI": { "items": [{ "path": "namespace", "fieldRef": { "fieldPath": "metadata.namespace" } }] } },
        ] } }] },
    })
}

fn run(kubelet: Kubelet) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(kubelet.run(stop)))
}

fn claims(token: &str) -> Value {
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "a token has three parts");
    assert_eq!(
        BASE64.decode(parts[2]).expect("base64url").len(),
        256,
        "its signature is whole"
    );
    serde_json::from_slice(&BASE64.decode(parts[1]).expect("base64url")).expect("JSON")
}

fn issued_at(volume: &Path) -> u64 {
    let token = fs::read_to_string(volume.join("api-token")).expect("there must be a token");
    claims(&token)["iat"]
        .as_u64()
        .expect("there must be a time")
}

/// Lets every task do what it can do now; paused time moves only when there is nothing left.
async fn settle() {
    time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_files_are_there_when_start_returns_and_look_as_kubelet_makes_them() {
    let node = Node::new();

    let _kubelet = node.start().await;

    let volume = node.volume("one");
    let token = fs::read_to_string(volume.join("api-token")).unwrap();
    assert_eq!(token.trim(), token, "no trailing newline");
    let claims = claims(&token);
    assert_eq!(claims["aud"], json!(["data-store"]));
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        600
    );
    assert_eq!(claims["kubernetes.io"]["pod"]["name"], "one");
    assert_eq!(
        fs::read_to_string(volume.join("ca.crt")).unwrap(),
        "the authority"
    );
    assert_eq!(fs::read_to_string(volume.join("namespace")).unwrap(), "api");
    assert_eq!(
        fs::read_link(volume.join("api-token")).unwrap(),
        Path::new("..data/api-token")
    );
    let data = fs::read_link(volume.join("..data")).unwrap();
    assert!(
        data.to_string_lossy().starts_with("..1970_01_12_13_46_40."),
        "{data:?}"
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&volume), 0o700);
    assert_eq!(mode(&volume.join(data)), 0o700);
    assert_eq!(mode(&volume.join("api-token")), 0o600);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_at_eighty_percent_of_its_life_and_not_before() {
    let node = Node::new();
    let (stop, task) = run(node.start().await);
    let volume = node.volume("one");

    time::sleep(Duration::from_secs(479)).await;
    assert_eq!(issued_at(&volume), START);
    time::sleep(Duration::from_secs(2)).await;
    assert_eq!(issued_at(&volume), START + 480);
    time::sleep(Duration::from_secs(480)).await;
    assert_eq!(issued_at(&volume), START + 960);

    let folders = fs::read_dir(&volume).unwrap().filter(|entry| {
        let entry = entry.as_ref().unwrap();
        entry.file_type().unwrap().is_dir()
    });
    assert_eq!(folders.count(), 1, "old content is removed");
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shorter_life_can_be_asked_for() {
    let mut node = Node::new();
    node.token_lifetime = Some(Duration::from_secs(5));
    let (stop, task) = run(node.start().await);

    time::sleep(Duration::from_millis(4_500)).await;

    assert_eq!(issued_at(&node.volume("one")), START + 4);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_volume_goes_with_its_pod_and_comes_with_a_new_one() {
    let node = Node::new();
    let (stop, task) = run(node.start().await);

    node.cluster.create(mk_pod("two")).unwrap();
    settle().await;
    assert!(node.volume("two").join("api-token").exists());

    node.cluster.delete("pods", "api", "one").unwrap();
    settle().await;
    assert!(!node.folder.path().join("api/one").exists());
    assert!(node.volume("two").join("api-token").exists());

    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_recreated_pod_gets_a_token_of_its_own_at_once() {
    let node = Node::new();
    let (stop, task) = run(node.start().await);
    let uid = |node: &Node| {
        let token = fs::read_to_string(node.volume("one").join("api-token")).unwrap();
        claims(&token)["kubernetes.io"]["pod"]["uid"].clone()
    };
    let before = uid(&node);

    node.cluster.delete("pods", "api", "one").unwrap();
    let pod = node.cluster.create(mk_pod("one")).unwrap();
    settle().await;

    assert_ne!(uid(&node), before);
    assert_eq!(uid(&node), pod["metadata"]["uid"]);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_is_removed_but_nothing_else() {
    let node = Node::new();
    node.cluster.create(mk_pod("two")).unwrap();
    drop(node.start().await);
    node.cluster.delete("pods", "api", "two").unwrap();
    fs::create_dir_all(node.folder.path().join("mine/photos/summer")).unwrap();

    drop(node.start().await);

    assert!(!node.folder.path().join("api/two").exists());
    assert!(node.volume("one").join("api-token").exists());
    assert!(node.folder.path().join("mine/photos/summer").exists());
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_tried_again_until_it_succeeds() {
    let node = Node::new();
    let (stop, task) = run(node.start().await);
    let volume = node.volume("one");
    fs::remove_dir_all(&volume).unwrap();
    fs::write(&volume, "in the way").unwrap();

    time::sleep(Duration::from_secs(482)).await;
    assert!(volume.is_file(), "the kubelet is still failing");
    fs::remove_file(&volume).unwrap();
    time::sleep(Duration::from_secs(60)).await;

    assert!(issued_at(&volume) > START + 480);
    stop.cancel();
    task.await.unwrap();
}

/// As a program reads its token: open by name, read to the end. A reader that followed `..data` to a folder that was then removed
/// opens again, with kubelet as here.
fn read(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(token) => return token,
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_always_sees_a_whole_token_however_often_it_is_replaced() {
    const ROTATIONS: u64 = 300;
    let node = Node::new();
    let kubelet = node.start().await;
    let path = node.volume("one").join("api-token");
    let is_over = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(AtomicUsize::new(0));
    let reader = thread::spawn({
        let (path, is_over, seen) = (path.clone(), Arc::clone(&is_over), Arc::clone(&seen));
        move || {
            let mut last = 0;
            while !is_over.load(Ordering::SeqCst) {
                let issued = claims(&read(&path))["iat"]
                    .as_u64()
                    .expect("there must be a time");
                assert!(issued >= last, "an old token came back");
                if issued > last {
                    seen.fetch_add(1, Ordering::SeqCst);
                }
                last = issued;
            }
        }
    });
    let (stop, task) = run(kubelet);

    for _ in 0..ROTATIONS {
        time::sleep(Duration::from_secs(480)).await;
        settle().await;
    }

    is_over.store(true, Ordering::SeqCst);
    reader.join().unwrap();
    assert!(
        seen.load(Ordering::SeqCst) > 10,
        "the reader must have been reading meanwhile"
    );
    assert!(issued_at(&node.volume("one")) >= START + ROTATIONS * 480);
    stop.cancel();
    task.await.unwrap();
}
