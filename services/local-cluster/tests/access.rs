//! Who may ask the API server, and what it does with requests it does not like.

#[path = "support/client.rs"]
mod client;

use std::time::Duration;

use local_cluster::{Cluster, Secret, SigningKey, User};
use serde_json::{Value, json};

use self::client::{Client, serve};

const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

struct Served {
    cluster: Cluster,
    client: Client,
}

async fn start() -> Served {
    let key = SigningKey::generate().expect("there must be randomness");
    let key = SigningKey::from_pkcs8(&key).expect("a key just made must be good");
    let object = |kind: &str, name: &str| json!({ "kind": kind, "apiVersion": "v1", "metadata": { "name": name, "namespace": "api" } });
    let cluster = Cluster::builder(key)
        .with_static_token(&Secret::new("admin".to_owned()), User::admin())
        .with_object(object("Namespace", "api"))
        .with_object(object("ServiceAccount", "bound"))
        .with_object(object("ServiceAccount", "unbound"))
        .with_object(json!({
            "kind": "ClusterRoleBinding",
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": { "name": "bound" },
            "roleRef": { "kind": "ClusterRole", "name": "system:auth-delegator" },
            "subjects": [{ "kind": "ServiceAccount", "namespace": "api", "name": "bound" }],
        }))
        .build()
        .expect("the objects must be good");
    let client = serve(cluster.clone()).await;
    Served { cluster, client }
}

impl Served {
    fn token_of(&self, account: &str) -> Secret {
        let minted = self
            .cluster
            .mint("api", account, &[], Duration::from_secs(600));
        minted.expect("the account must exist")
    }

    async fn post(&self, path: &str, bearer: &str, body: &Value) -> client::Answer {
        self.client
            .send("POST", path, Some(bearer), None, Some(body.to_string()))
            .await
    }

    async fn admin(&self, method: &str, path: &str) -> client::Answer {
        self.client
            .send(method, path, Some("admin"), None, None)
            .await
    }
}

#[tokio::test]
async fn only_an_account_that_is_bound_to_the_role_may_review_tokens() {
    let served = start().await;
    let body = json!({ "spec": { "token": "x" } });

    for (account, status) in [("bound", 201), ("unbound", 403)] {
        let answer = served
            .post(REVIEWS, served.token_of(account).expose(), &body)
            .await;
        assert_eq!(answer.status, status, "{account}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_token_nobody_knows_is_unauthorized_even_for_what_anybody_may_do() {
    let served = start().await;

    let answer = served
        .client
        .send("GET", "/version", Some("made-up"), None, None)
        .await;

    assert_eq!(answer.status, 401);
    assert_eq!(
        served
            .client
            .send("GET", "/version", None, None, None)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn anonymous_sees_its_path_refused_before_learning_whether_it_exists() {
    let served = start().await;

    for path in [
        "/api/v1/namespaces/api/pods",
        "/no/such/path",
        "/apis/no.such.group/v1/things",
    ] {
        let answer = served.client.send("GET", path, None, None, None).await;
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(
            answer.json().get("reason"),
            Some(&json!("Forbidden")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn whatever_is_not_there_is_a_status_object() {
    let served = start().await;

    for (method, path, status) in [
        ("GET", "/no/such/path", 404),
        ("GET", "/apis/no.such.group/v1/things", 404),
        ("GET", "/api/v1/namespaces/api/pods/nope", 404),
        ("GET", "/api/v2/pods", 404),
        ("PATCH", "/api/v1/namespaces/api/serviceaccounts/bound", 405),
        ("PUT", "/api/v1/namespaces/api/serviceaccounts/bound", 405),
        ("DELETE", "/api/v1/namespaces/api/serviceaccounts", 405),
        ("POST", "/version", 405),
        ("GET", "/api/v1/pods?fieldSelector=spec.colour%3Dred", 400),
    ] {
        let answer = served.admin(method, path).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(
            answer.json().get("kind"),
            Some(&json!("Status")),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let served = start().await;
    let huge = json!({ "spec": { "token": "x".repeat(4 * 1024 * 1024) } });

    let answer = served.post(REVIEWS, "admin", &huge).await;

    assert_eq!(answer.status, 413, "{}", answer.body);
}

#[tokio::test]
async fn the_client_cannot_choose_uids_or_times() {
    let served = start().await;
    let body = json!({ "metadata": { "name": "new", "uid": "mine", "creationTimestamp": "1970-01-01T00:00:00Z" } });

    let answer = served
        .post("/api/v1/namespaces/api/serviceaccounts", "admin", &body)
        .await;

    let created = answer.assert(201).json();
    assert_eq!(
        created
            .pointer("/metadata/uid")
            .and_then(Value::as_str)
            .map(str::len),
        Some(36)
    );
    assert_ne!(
        created.pointer("/metadata/creationTimestamp"),
        Some(&json!("1970-01-01T00:00:00Z"))
    );
}

#[tokio::test]
async fn bodies_that_are_not_objects_are_refused() {
    let served = start().await;
    let accounts = "/api/v1/namespaces/api/serviceaccounts";

    for body in [
        json!([]),
        json!("text"),
        json!(null),
        json!({ "metadata": [] }),
        json!({ "kind": "Pod" }),
    ] {
        let answer = served.post(accounts, "admin", &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    for body in [
        json!({}),
        json!({ "metadata": { "name": 7 } }),
        json!({ "metadata": { "name": "../x" } }),
    ] {
        let answer = served.post(accounts, "admin", &body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn acting_as_somebody_else_is_refused_rather_than_ignored() {
    let served = start().await;
    let req = http::HeaderName::from_static("impersonate-user");

    let answer = served
        .client
        .send_with("GET", "/api/v1/pods", Some("admin"), (req, "nobody"))
        .await;

    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[tokio::test]
async fn a_deletion_may_insist_on_a_uid() {
    let served = start().await;
    let path = "/api/v1/namespaces/api/serviceaccounts/bound";
    let body = json!({ "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": { "uid": "another" } });

    let answer = served
        .client
        .send("DELETE", path, Some("admin"), None, Some(body.to_string()))
        .await;

    assert_eq!(answer.status, 409, "{}", answer.body);
    assert_eq!(served.admin("GET", path).await.status, 200);
}
