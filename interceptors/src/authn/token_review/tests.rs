use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower_test::mock::{Handle, SendResponse};

use super::{ConnectError, TokenReviewer};
use crate::{Authenticate as _, Refusal, Standing, Token, UserInfo};

type Kubernetes = Handle<Request<Body>, Response<Body>>;

fn mk_reviewer() -> (TokenReviewer, Kubernetes) {
    let (service, handle) = tower_test::mock::pair();
    let client = kube::Client::new(service, "default");
    (
        TokenReviewer::new(client, "data-store".parse().unwrap()),
        handle,
    )
}

fn mk_token() -> Token {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"aud":["data-store"],"exp":1795455440}"#);
    Token::parse(&format!("e30.{claims}.c2ln")).unwrap()
}

fn genuine() -> Value {
    json!({
        "kind": "TokenReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "spec": {"token": mk_token().expose(), "audiences": ["data-store"]},
        "status": {
            "authenticated": true,
            "user": {"username": "system:serviceaccount:api:api", "uid": "1", "groups": ["system:authenticated"]},
            "audiences": ["data-store"],
        },
    })
}

async fn answer(kubernetes: &mut Kubernetes, status: u16, body: impl ToString) -> Value {
    let (request, reply) = kubernetes
        .next_request()
        .await
        .expect("a question must come");
    let question = request.into_body().collect_bytes().await.unwrap();
    send(reply, status, &body);
    serde_json::from_slice(&question).unwrap()
}

fn send(reply: SendResponse<Response<Body>>, status: u16, body: &impl ToString) {
    let body = Body::from(body.to_string().into_bytes());
    reply.send_response(Response::builder().status(status).body(body).unwrap());
}

/// One review, answered so.
async fn review(status: u16, body: impl ToString) -> (Result<UserInfo, Refusal>, Standing) {
    let (reviewer, mut kubernetes) = mk_reviewer();
    let token = mk_token();
    let (outcome, _question) = tokio::join!(
        reviewer.authenticate(&token),
        answer(&mut kubernetes, status, body)
    );
    let standing = reviewer.standing().borrow().clone();
    drop(reviewer);
    assert!(
        kubernetes.next_request().await.is_none(),
        "asked once, and never again"
    );
    (outcome, standing)
}

#[tokio::test]
async fn asks_about_the_token_and_our_audience() {
    let (reviewer, mut kubernetes) = mk_reviewer();
    let token = mk_token();

    let (outcome, question) = tokio::join!(
        reviewer.authenticate(&token),
        answer(&mut kubernetes, 201, genuine())
    );

    assert_eq!(
        question,
        json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token.expose(), "audiences": ["data-store"]},
        })
    );
    let user = outcome.unwrap();
    assert_eq!(user.username, "system:serviceaccount:api:api");
    assert_eq!(user.audiences, ["data-store"]);
    let expires_at = user.expires_at.unwrap();
    assert_eq!(
        expires_at.duration_since(std::time::UNIX_EPOCH).unwrap(),
        Duration::from_secs(1_795_455_440)
    );
    assert_eq!(*reviewer.standing().borrow(), Standing::Good);
}

#[tokio::test]
async fn a_refusal_is_the_callers_and_kubernetes_is_fine() {
    let refused =
        json!({"kind": "TokenReview", "status": {"user": {}, "error": "invalid bearer token"}});

    let (outcome, standing) = review(201, refused).await;

    assert_eq!(outcome.unwrap_err(), Refusal::Rejected);
    assert_eq!(standing, Standing::Good);
}

#[tokio::test]
async fn a_failing_api_server_is_unavailable_and_not_asked_again() {
    for status in [400, 404, 409, 429, 500, 502, 503, 504] {
        let (outcome, standing) = review(status, r#"{"kind":"Status"}"#).await;

        assert_eq!(
            outcome.unwrap_err(),
            Refusal::KubernetesUnavailable,
            "{status}"
        );
        assert_eq!(standing, Standing::Unknown, "one failure is no verdict");
    }
}

#[tokio::test]
async fn an_answer_nobody_can_read_is_unavailable() {
    for body in [
        "",
        "<html>",
        r#"{"kind":"Pod"}"#,
        &"x".repeat(2 * 1024 * 1024),
    ] {
        let (outcome, _standing) = review(201, body).await;

        assert_eq!(outcome.unwrap_err(), Refusal::KubernetesUnavailable);
    }
}

#[tokio::test]
async fn an_api_server_that_refuses_us_is_an_operators_matter_and_says_what_to_do() {
    for (status, advice) in [(401, "KUBECONFIG"), (403, "system:auth-delegator")] {
        let (outcome, standing) = review(status, r#"{"kind":"Status"}"#).await;

        assert_eq!(
            outcome.unwrap_err(),
            Refusal::VerifierMisconfigured,
            "{status}"
        );
        let Standing::Misconfigured { why } = standing else {
            panic!("{standing:?}")
        };
        assert!(why.contains(advice), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_is_given_up_after_the_deadline() {
    let (reviewer, mut kubernetes) = mk_reviewer();
    let token = mk_token();
    let began = Instant::now();

    let (outcome, _held) = tokio::join!(reviewer.authenticate(&token), kubernetes.next_request());

    assert_eq!(outcome.unwrap_err(), Refusal::KubernetesUnavailable);
    assert_eq!(began.elapsed(), super::DEADLINE);
}

#[tokio::test]
async fn a_broken_connection_is_unavailable() {
    let (reviewer, kubernetes) = mk_reviewer();
    drop(kubernetes);

    let outcome = reviewer.authenticate(&mk_token()).await;

    assert_eq!(outcome.unwrap_err(), Refusal::KubernetesUnavailable);
}

#[tokio::test]
async fn the_standing_follows_what_kubernetes_says_of_our_rights() {
    let (reviewer, mut kubernetes) = mk_reviewer();
    assert_eq!(*reviewer.standing().borrow(), Standing::Unknown);

    let access = |status: Value| json!({"kind": "SelfSubjectAccessReview", "status": status});
    for (status, body, expected) in [
        (201, access(json!({"allowed": true})), "Good"),
        (201, access(json!({"allowed": false})), "Misconfigured"),
        (503, json!({}), "Unavailable"),
        (401, json!({}), "Misconfigured"),
        (201, access(json!({"allowed": true})), "Good"),
    ] {
        let (standing, question) = tokio::join!(
            reviewer.check_standing(),
            answer(&mut kubernetes, status, body)
        );

        assert!(
            format!("{standing:?}").starts_with(expected),
            "{standing:?}"
        );
        assert_eq!(*reviewer.standing().borrow(), standing);
        assert_eq!(
            question["spec"],
            json!({"resourceAttributes": {"group": "authentication.k8s.io", "resource": "tokenreviews", "verb": "create"}})
        );
    }
}

#[tokio::test]
async fn the_standing_says_why_it_is_bad_now_and_not_why_it_was() {
    let (reviewer, mut kubernetes) = mk_reviewer();

    for (status, advice) in [(401, "(401)"), (403, "(403)"), (503, "503"), (500, "500")] {
        let (standing, _question) = tokio::join!(
            reviewer.check_standing(),
            answer(&mut kubernetes, status, json!({}))
        );

        assert!(format!("{standing:?}").contains(advice), "{standing:?}");
        assert_eq!(*reviewer.standing().borrow(), standing);
    }
}

#[tokio::test]
async fn after_a_failed_review_a_right_to_review_is_not_enough() {
    let (reviewer, mut kubernetes) = mk_reviewer();
    let token = mk_token();
    let allowed = json!({"kind": "SelfSubjectAccessReview", "status": {"allowed": true}});
    let refused = json!({"kind": "TokenReview", "status": {"error": "invalid bearer token"}});
    let (outcome, _question) = tokio::join!(
        reviewer.authenticate(&token),
        answer(&mut kubernetes, 500, "")
    );
    outcome.unwrap_err();

    for (status, body, expected) in [(500, json!({}), "Unavailable"), (201, refused, "Good")] {
        let (standing, probe) = tokio::join!(reviewer.check_standing(), async {
            answer(&mut kubernetes, 201, &allowed).await;
            answer(&mut kubernetes, status, body).await
        });

        assert!(
            format!("{standing:?}").starts_with(expected),
            "{standing:?}"
        );
        assert_eq!(probe["kind"], "TokenReview");
        assert_ne!(probe["spec"]["token"], token.expose());
    }
}

#[tokio::test(start_paused = true)]
async fn the_standing_is_checked_now_and_then_and_soon_after_a_failed_review() {
    let (reviewer, mut kubernetes) = mk_reviewer();
    let allowed = json!({"kind": "SelfSubjectAccessReview", "status": {"allowed": true}});
    let keeper = tokio::spawn({
        let reviewer = reviewer.clone();
        async move { reviewer.keep_standing().await }
    });
    answer(&mut kubernetes, 201, &allowed).await;
    let first = Instant::now();
    answer(&mut kubernetes, 201, &allowed).await;
    assert_eq!(first.elapsed(), Duration::from_secs(5));

    let second = Instant::now();
    let token = mk_token();
    let (outcome, _question) = tokio::join!(
        reviewer.authenticate(&token),
        answer(&mut kubernetes, 500, "")
    );
    outcome.unwrap_err();
    answer(&mut kubernetes, 201, &allowed).await;
    assert_eq!(second.elapsed(), Duration::from_secs(1));

    keeper.abort();
}

#[tokio::test]
async fn tokens_are_not_shown_to_somebody_who_may_not_be_kubernetes() {
    let audience = || "data-store".parse().unwrap();
    let plaintext = kube::Config::new("http://127.0.0.1:8080".parse().unwrap());
    let mut unverified = kube::Config::new("https://127.0.0.1:6443".parse().unwrap());
    unverified.accept_invalid_certs = true;

    let error = TokenReviewer::connect(plaintext, audience()).unwrap_err();
    assert!(matches!(error, ConnectError::Plaintext));
    let error = TokenReviewer::connect(unverified, audience()).unwrap_err();
    assert!(matches!(error, ConnectError::Unverified));
}

#[tokio::test]
async fn debug_shows_nothing_of_the_client() {
    let (reviewer, _kubernetes) = mk_reviewer();

    assert_eq!(
        format!("{reviewer:?}"),
        r#"TokenReviewer { audience: Audience("data-store"), .. }"#
    );
}
