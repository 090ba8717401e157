//! Asked what a real kube-apiserver was asked, the stand-in answers what that one answered.
//!
//! The recorded tokens are verified for real: the cluster under test knows the key that signed them, has the objects they speak
//! of under their recorded uids, and a clock that stands where it stood.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a recording that lacks what is looked for must fail the test"
)]

#[path = "support/client.rs"]
mod client;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use local_cluster::{Cluster, Secret, SigningKey, User, VerifyingKey};
use serde_json::{Value, json};
use tonic_kube_auth::Clock;

use self::client::{Client, serve};

/// When most of it was recorded.
const RECORDED: u64 = 1_795_454_840;
const RECORDED_NODE: &str = "vm";

/// How many recorded exchanges there are, and how many of them this test must replay: all but the list and the watch, whose
/// objects are another cluster's; they have tests of their own, in `tests/watch.rs` and `src/api/watch/tests.rs`.
const EXCHANGES: usize = 81;
const REPLAYED: usize = 79;
const ELSEWHERE: [&str; 2] = [
    "list pods of a namespace, metadata only",
    "watch pods of a namespace, metadata only, while one is created and deleted",
];

struct Replay {
    client: Client,
    now: Arc<AtomicU64>,
    exchanges: Vec<Value>,
    /// What differs by nature, recorded → ours.
    translations: BTreeMap<String, String>,
}

impl Replay {
    async fn start() -> Self {
        let exchanges: Vec<Value> =
            serde_json::from_str(include_str!("fixtures/recorded-exchanges.json"))
                .expect("the recording must be JSON");
        let jwk = &exchanges[2]["response"]["keys"][0];
        let now = Arc::new(AtomicU64::new(RECORDED));
        let shown = Arc::clone(&now);
        let clock =
            Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::SeqCst)));
        let signing = SigningKey::generate().expect("there must be randomness");
        let signing = SigningKey::from_pkcs8(&signing).expect("a key just made must be good");
        let mut builder = Cluster::builder(signing)
            .with_clock(clock)
            .with_verifying_key(VerifyingKey::from_jwk(jwk).expect("the recorded key must be good"))
            .with_static_token(&Secret::new("admin".to_owned()), User::admin())
            .with_static_token(
                &Secret::new("kubelet".to_owned()),
                User::node(RECORDED_NODE),
            );
        for object in objects() {
            builder = builder.with_object(object);
        }
        let cluster = builder.build().expect("the objects must be good");
        let client = serve(cluster).await;
        let translations = BTreeMap::new();
        Self {
            client,
            now,
            exchanges,
            translations,
        }
    }

    fn index_of(&self, case: &str) -> usize {
        let found = self
            .exchanges
            .iter()
            .position(|exchange| exchange["case"] == case);
        found.unwrap_or_else(|| panic!("no case {case:?} in the recording"))
    }

    /// The token a recorded bearer showed: the recording says whose it was in the name of the case.
    fn bearer(&self, exchange: &Value, delegate: &str) -> Option<String> {
        let recorded = |case: &str| {
            let token = &self.exchanges[self.index_of(case)]["response"]["status"]["token"];
            token.as_str().map(str::to_owned)
        };
        match (exchange["caller"].as_str()?, exchange["case"].as_str()?) {
            ("admin", _) => Some("admin".to_owned()),
            ("kubelet", _) => Some("kubelet".to_owned()),
            ("bearer token", case) if case.contains("data-store token") => {
                recorded("TokenRequest: audience data-store, 600 s")
            }
            ("bearer token", case) if case.contains("auth-delegator") => Some(delegate.to_owned()),
            ("bearer token", _) => recorded("TokenRequest: no audience, no expiry"),
            _ => None,
        }
    }

    /// Asks again what was asked, and compares every field of the answer.
    async fn replay(&mut self, index: usize, delegate: &str) {
        let exchange = self.exchanges[index].clone();
        let case = exchange["case"].as_str().expect("a case must have a name");
        let bearer = self.bearer(&exchange, delegate);
        let body = match (&exchange["request"], exchange["method"].as_str()) {
            (Value::Null, Some("POST")) => Some("{not json".to_owned()),
            (Value::Null, _) => None,
            (body, _) => Some(body.to_string()),
        };
        let answer = self
            .client
            .send(
                exchange["method"].as_str().expect("there must be a method"),
                exchange["path"].as_str().expect("there must be a path"),
                bearer.as_deref(),
                None,
                body,
            )
            .await;

        assert_eq!(answer.status, exchange["status"], "{case}: {}", answer.body);
        assert_eq!(answer.content_type, exchange["content_type"], "{case}");
        let ours = self.comparable(&answer.json(), false);
        let theirs = self.comparable(&exchange["response"], true);
        assert_eq!(ours, theirs, "{case}");
    }

    /// Replaces what is fresh by nature with what it stands for.
    fn comparable(&self, answer: &Value, is_recorded: bool) -> Value {
        let mut answer = answer.clone();
        let kind = answer["kind"].clone();
        if kind == "TokenRequest" && answer["status"].is_object() {
            let claims = claims(&answer["status"]["token"]);
            answer["status"]["token"] = claims;
        }
        if kind == "SelfSubjectReview" {
            answer["metadata"]["creationTimestamp"] = "now".into();
        }
        if let Some(keys) = answer.get_mut("keys").and_then(Value::as_array_mut) {
            // Ours lists our own key too.
            let recorded = &self.exchanges[2]["response"]["keys"][0]["kid"];
            keys.retain(|key| &key["kid"] == recorded);
        }
        if kind.is_null() && answer["gitVersion"].is_string() {
            // The stand-in does not claim to be that build.
            for field in [
                "gitVersion",
                "gitCommit",
                "gitTreeState",
                "goVersion",
                "compiler",
            ] {
                assert!(answer[field].is_string(), "{field}");
                answer[field] = "a build".into();
            }
        }
        let mut text = answer.to_string();
        text = text.replace(&self.client.address.to_string(), "127.0.0.1:6443");
        // The recorder renamed the node in answers, but could not in signed tokens.
        text = text.replace("\"node-1\"", "\"vm\"");
        if is_recorded {
            for (theirs, ours) in &self.translations {
                text = text.replace(theirs, ours);
            }
        }
        serde_json::from_str(&text).expect("renaming must keep it JSON")
    }
}

fn claims(token: &Value) -> Value {
    let token = token.as_str().expect("there must be a token");
    let parts: Vec<_> = token.split('.').collect();
    let part = |index: usize| -> Value {
        let bytes = BASE64
            .decode(parts[index])
            .expect("a part must be base64url");
        serde_json::from_slice(&bytes).expect("a part must be JSON")
    };
    let mut header = part(0);
    let id = header["kid"].as_str().expect("there must be a key id");
    assert_eq!(
        BASE64.decode(id).expect("a key id must be base64url").len(),
        32
    );
    header["kid"] = "ours".into();
    let text = BASE64.decode(parts[1]).expect("claims must be base64url");
    let names: Vec<_> = part(1)
        .as_object()
        .expect("claims must be an object")
        .keys()
        .cloned()
        .collect();
    let order: Vec<_> = names
        .iter()
        .map(|name| {
            let key = format!("\"{name}\":");
            String::from_utf8_lossy(&text)
                .find(&key)
                .expect("a claim must be in the text")
        })
        .collect();
    assert!(
        order.is_sorted(),
        "claims are written in alphabetical order"
    );
    let mut claims = part(1);
    let jti = claims["jti"].as_str().expect("there must be an id");
    assert_eq!(jti.len(), 36);
    claims["jti"] = "fresh".into();
    json!({ "header": header, "claims": claims })
}

/// What the recorded cluster had, as far as the recorded exchanges speak of it.
fn objects() -> Vec<Value> {
    let namespace =
        json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": { "name": "api" } });
    let node = json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": { "name": RECORDED_NODE, "uid": "ec76bda7-e1ae-49b2-ac5a-0d29e352579f" },
    });
    let account = |name: &str, uid: &str| {
        json!({
            "kind": "ServiceAccount", "apiVersion": "v1",
            "metadata": { "name": name, "namespace": "api", "uid": uid },
        })
    };
    let pod = |name: &str, uid: &str, node: &str| {
        json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": { "name": name, "namespace": "api", "uid": uid },
            "spec": {
                "serviceAccountName": "api", "nodeName": node, "containers": [],
                "volumes": [{ "name": "data-store-token", "projected": { "sources": [
                    { "serviceAccountToken": { "audience": "data-store", "expirationSeconds": 600, "path": "api-token" } },
                ] } }],
            },
        })
    };
    let role = json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": { "name": "record-caller" },
        "rules": [{ "nonResourceURLs": ["/datastore.v1.DataStore/GetRecord"], "verbs": ["post"] }],
    });
    let binding = |role: &str, account: &str| {
        json!({
            "kind": "ClusterRoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": { "name": role },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [{ "kind": "ServiceAccount", "namespace": "api", "name": account }],
        })
    };
    vec![
        namespace,
        node,
        account("api", "de6b3899-8f2d-4526-a199-219073c6ae5d"),
        account("departing", "c59cbc15-4cfb-42cf-87e6-601fbdf23ab3"),
        account("delegate", "11111111-1111-4111-8111-111111111111"),
        pod(
            "tokenpod",
            "11db0327-6f51-4c58-a866-52faf2d0700b",
            RECORDED_NODE,
        ),
        pod(
            "departing",
            "b3d656b9-b5da-4fc1-8634-2cec65a4129a",
            "nowhere",
        ),
        role,
        binding("record-caller", "api"),
        binding("system:auth-delegator", "delegate"),
    ]
}

#[tokio::test]
async fn every_recorded_exchange_is_answered_as_recorded() {
    let mut replay = Replay::start().await;
    assert_eq!(replay.exchanges.len(), EXCHANGES);
    let delegate = {
        let path = "/api/v1/namespaces/api/serviceaccounts/delegate/token";
        let answer = replay
            .client
            .send("POST", path, Some("admin"), None, Some("{}".to_owned()))
            .await;
        answer.json()["status"]["token"]
            .as_str()
            .expect("there must be a token")
            .to_owned()
    };
    let accounts = "/api/v1/namespaces/api/serviceaccounts";
    let mut replayed = 0;

    for index in 0..EXCHANGES {
        let exchange = &replay.exchanges[index];
        let case = exchange["case"]
            .as_str()
            .expect("a case must have a name")
            .to_owned();
        if ELSEWHERE.contains(&case.as_str()) {
            continue;
        }
        // What happened between the recorded exchanges, to the cluster and to its clock.
        let recorded_now = claims_time(&exchange["response"]);
        match case.as_str() {
            "TokenReview: ServiceAccount departing just deleted (same token, just reviewed)" => {
                replay
                    .client
                    .send(
                        "DELETE",
                        &format!("{accounts}/departing"),
                        Some("admin"),
                        None,
                        None,
                    )
                    .await
                    .assert(200);
                replay.now.fetch_add(1, Ordering::SeqCst);
            }
            "TokenReview: ServiceAccount departing deleted, later" => {
                replay.now.fetch_add(10, Ordering::SeqCst);
            }
            "TokenReview: ServiceAccount departing recreated (new uid), old token" => {
                let body = json!({ "metadata": { "name": "departing" } }).to_string();
                let answer = replay
                    .client
                    .send("POST", accounts, Some("admin"), None, Some(body))
                    .await
                    .assert(201);
                let uid = answer.json()["metadata"]["uid"]
                    .as_str()
                    .expect("there must be a uid")
                    .to_owned();
                replay
                    .translations
                    .insert("6b5030fa-83ed-4b6f-a7c2-7bcbd00324d1".to_owned(), uid);
            }
            "TokenReview: pod departing deleted" => {
                let path = "/api/v1/namespaces/api/pods/departing";
                replay
                    .client
                    .send("DELETE", path, Some("admin"), None, None)
                    .await
                    .assert(200);
                replay.now.fetch_add(11, Ordering::SeqCst);
            }
            _ => {}
        }
        if let Some(recorded_now) = recorded_now {
            replay.now.store(recorded_now, Ordering::SeqCst);
        }

        replay.replay(index, &delegate).await;
        replayed += 1;
    }

    assert_eq!(replayed, REPLAYED);
}

/// When a token was minted, if this answer holds one.
fn claims_time(answer: &Value) -> Option<u64> {
    if answer["kind"] != "TokenRequest" {
        return None;
    }
    claims(&answer["status"]["token"])["claims"]["iat"].as_u64()
}
