//! Every row of the table of outcomes: what the caller is told in gRPC, and in plain HTTP.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Response;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tonic::Code;

use crate::support::{
    Kubernetes, Program, channel, get, greet, header_of, http, json, mk_data_store_config,
    mk_request, reason, text,
};
use proto::api::v1::api_client::ApiClient;

const GREET: &str = "/datastore.v1.DataStore/Greet";

/// The same call in plain HTTP.
async fn post(addr: SocketAddr, headers: &[(&str, &str)]) -> Response<Bytes> {
    http(addr, mk_request("POST", GREET, headers, "")).await
}

/// A caller with this token is refused with this code and reason, in both languages.
async fn assert_refused(
    addr: SocketAddr,
    token: Option<&str>,
    code: Code,
    http_status: u16,
    expected: &str,
) {
    let status = greet(addr, token).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (code, expected),
        "{status}"
    );

    let authorization = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = authorization
        .iter()
        .map(|value| ("authorization", value.as_str()))
        .collect();
    let response = post(addr, &headers).await;
    assert_eq!(response.status(), http_status);
    assert_eq!(json(&response)["details"][0]["reason"], expected);
    let challenge = header_of(response.headers(), "www-authenticate");
    assert_eq!(
        challenge.starts_with("Bearer"),
        http_status < 500,
        "{challenge:?}"
    );
}

/// A data store whose API server accepts connections and never says a word.
struct Hung {
    data_store: Program,
    token: String,
    /// How many connections have come.
    connections: watch::Receiver<usize>,
    _api_server: JoinHandle<()>,
    kubernetes: Kubernetes,
}

impl Hung {
    async fn start(review_timeout: Duration) -> Self {
        let kubernetes = Kubernetes::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = mk_data_store_config(&kubernetes);
        config.auth.kubeconfig = Some(kubernetes.kubeconfig_to(listener.local_addr().unwrap()));
        config.auth.review_timeout = review_timeout;
        config.auth.max_reviews_in_flight = 1;
        let (tx, connections) = watch::channel(0);
        let api_server = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok(connection) = listener.accept().await {
                held.push(connection);
                tx.send_replace(held.len());
            }
        });
        Self {
            data_store: Program::data_store_with(config).await,
            token: kubernetes.token("api"),
            connections,
            _api_server: api_server,
            kubernetes,
        }
    }
}

#[tokio::test]
async fn token_missing_when_there_is_none() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;

    assert_refused(
        data_store.addr,
        None,
        Code::Unauthenticated,
        401,
        "TOKEN_MISSING",
    )
    .await;
}

#[tokio::test]
async fn token_malformed_when_it_is_not_one_well_formed_bearer_token() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.token("api");

    let too_long = "a".repeat(16 * 1024 + 1);
    for malformed in ["dummy", "two tokens", "a.b.c", too_long.as_str()] {
        assert_refused(
            data_store.addr,
            Some(malformed),
            Code::Unauthenticated,
            401,
            "TOKEN_MALFORMED",
        )
        .await;
    }
    let bearer = format!("Bearer {token}");
    let (basic, other) = ("Basic YTpi", kubernetes.token("default"));
    for headers in [
        vec![("authorization", basic)],
        vec![
            ("authorization", bearer.as_str()),
            ("authorization", bearer.as_str()),
        ],
        vec![
            ("authorization", bearer.as_str()),
            ("x-client-id", other.as_str()),
        ],
    ] {
        let response = post(data_store.addr, &headers).await;
        assert_eq!(response.status(), 401);
        assert_eq!(json(&response)["details"][0]["reason"], "TOKEN_MALFORMED");
    }
}

#[tokio::test]
async fn token_expired_when_its_time_is_over() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.expired_token();

    assert_refused(
        data_store.addr,
        Some(&token),
        Code::Unauthenticated,
        401,
        "TOKEN_EXPIRED",
    )
    .await;
}

#[tokio::test]
async fn audience_mismatch_when_it_is_meant_for_somebody_else() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;

    for audience in ["other", "https://kubernetes.default.svc"] {
        let token = kubernetes.token_for("api", audience);
        assert_refused(
            data_store.addr,
            Some(&token),
            Code::Unauthenticated,
            401,
            "AUDIENCE_MISMATCH",
        )
        .await;
    }
}

#[tokio::test]
async fn token_rejected_when_kubernetes_says_it_is_not_genuine() {
    let kubernetes = Kubernetes::start().await;
    let another_cluster = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = another_cluster.token("api");

    assert_refused(
        data_store.addr,
        Some(&token),
        Code::Unauthenticated,
        401,
        "TOKEN_REJECTED",
    )
    .await;
}

#[tokio::test]
async fn token_revoked_when_its_pod_or_its_service_account_is_gone() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let of_pod = std::fs::read_to_string(kubernetes.paths.api_token()).unwrap();
    let of_account = kubernetes.token("api");

    kubernetes.cluster.delete("pods", "api", "api").unwrap();
    assert_refused(
        data_store.addr,
        Some(&of_pod),
        Code::Unauthenticated,
        401,
        "TOKEN_REVOKED",
    )
    .await;

    kubernetes
        .cluster
        .delete("serviceaccounts", "api", "api")
        .unwrap();
    assert_refused(
        data_store.addr,
        Some(&of_account),
        Code::Unauthenticated,
        401,
        "TOKEN_REVOKED",
    )
    .await;
}

#[tokio::test]
async fn caller_not_allowed_when_it_is_genuine_but_not_on_the_list() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.token("default");

    assert_refused(
        data_store.addr,
        Some(&token),
        Code::PermissionDenied,
        403,
        "CALLER_NOT_ALLOWED",
    )
    .await;
}

#[tokio::test]
async fn kubernetes_unavailable_when_it_does_not_answer() {
    let mut kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.token("api");
    kubernetes.stop_api_server().await;

    assert_refused(
        data_store.addr,
        Some(&token),
        Code::Unavailable,
        503,
        "KUBERNETES_UNAVAILABLE",
    )
    .await;

    let response = post(data_store.addr, &[("x-client-id", &token)]).await;
    assert_eq!(header_of(response.headers(), "retry-after"), "1");
    assert_eq!(json(&response)["details"][1]["retryDelay"], "1s");
}

#[tokio::test]
async fn kubernetes_unavailable_when_it_is_too_slow() {
    let hung = Hung::start(Duration::from_millis(50)).await;

    assert_refused(
        hung.data_store.addr,
        Some(&hung.token),
        Code::Unavailable,
        503,
        "KUBERNETES_UNAVAILABLE",
    )
    .await;
}

#[tokio::test]
async fn verifier_misconfigured_when_kubernetes_refuses_us_and_readiness_says_so_until_it_is_mended()
 {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.token("api");
    let binding = kubernetes
        .cluster
        .delete("clusterrolebindings", "", "data-store-auth-delegator")
        .unwrap();

    assert_refused(
        data_store.addr,
        Some(&token),
        Code::Unavailable,
        503,
        "VERIFIER_MISCONFIGURED",
    )
    .await;
    data_store.readiness.wait_for(false).await;
    let readyz = get(data_store.admin_addr, "/readyz").await;
    assert_eq!(readyz.status(), 503);
    assert!(
        text(&readyz).contains("system:auth-delegator"),
        "{}",
        text(&readyz)
    );

    let mut binding = (*binding).clone();
    binding["metadata"] = json!({"name": "data-store-auth-delegator"});
    kubernetes.cluster.create(binding).unwrap();
    data_store.readiness.wait_for(true).await;
    greet(data_store.addr, Some(&token)).await.unwrap();
}

#[tokio::test]
async fn overloaded_when_too_many_reviews_are_under_way() {
    let mut hung = Hung::start(Duration::from_secs(60)).await;
    let addr = hung.data_store.addr;
    // The first connection is the data store's own question, how it stands; the second is the review.
    hung.connections
        .wait_for(|count| *count == 1)
        .await
        .unwrap();
    let token = hung.token.clone();
    let first = tokio::spawn(async move { greet(addr, Some(&token)).await });
    hung.connections
        .wait_for(|count| *count == 2)
        .await
        .unwrap();

    let another = hung.kubernetes.token("api");
    assert_refused(addr, Some(&another), Code::Unavailable, 503, "OVERLOADED").await;

    first.abort();
}

#[tokio::test]
async fn deadline_exceeded_when_the_callers_own_time_is_over_first() {
    let hung = Hung::start(Duration::from_secs(60)).await;
    let (data_store, token) = (&hung.data_store, &hung.token);
    let common = [("x-client-id", token.as_str()), ("grpc-timeout", "50m")];

    let plain = post(data_store.addr, &common).await;
    assert_eq!(plain.status(), 504);
    assert_eq!(json(&plain)["status"], "DEADLINE_EXCEEDED");

    let grpc = post(
        data_store.addr,
        &[common[0], common[1], ("content-type", "application/grpc")],
    )
    .await;
    assert_eq!(grpc.status(), 200);
    assert_eq!(
        header_of(grpc.headers(), "grpc-status"),
        (Code::DeadlineExceeded as i32).to_string()
    );
}

#[tokio::test]
async fn no_token_when_the_api_has_none_to_call_with_and_nothing_is_sent() {
    let kubernetes = Kubernetes::start_with(Some(Duration::from_secs(4))).await;
    let data_store = Program::data_store(&kubernetes).await;
    let api = Program::api(&kubernetes, data_store.addr).await;

    // The kubelet takes the volume of a pod that is gone away; four seconds later its token has expired.
    kubernetes.cluster.delete("pods", "api", "api").unwrap();
    api.readiness.wait_for(false).await;
    data_store.stop().await;

    let response = get(api.addr, "/").await;
    assert_eq!(response.status(), 503);
    assert_eq!(json(&response)["details"][0]["reason"], "NO_TOKEN");
    let readyz = get(api.admin_addr, "/readyz").await;
    assert_eq!(readyz.status(), 503);
}

#[tokio::test]
async fn a_bad_gateway_when_the_data_store_refuses_the_api_itself() {
    let kubernetes = Kubernetes::start().await;
    let mut config = mk_data_store_config(&kubernetes);
    config.auth.allow = "jobs/*".to_owned();
    let data_store = Program::data_store_with(config).await;
    let api = Program::api(&kubernetes, data_store.addr).await;

    let response = get(api.addr, "/").await;

    assert_eq!(response.status(), 502);
    let body = json(&response);
    assert_eq!(body["status"], "INTERNAL");
    assert_eq!(body["details"][0]["reason"], "CALLER_NOT_ALLOWED");
    assert_eq!(body["details"][0]["domain"], "data-store");

    let mut client = ApiClient::new(channel(api.addr));
    let status = client
        .greet(proto::records::v1::GreetRequest {})
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Internal, "CALLER_NOT_ALLOWED")
    );
}

#[tokio::test]
async fn a_failure_of_kubernetes_reaches_the_apis_caller_as_such() {
    let mut kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let api = Program::api(&kubernetes, data_store.addr).await;
    kubernetes.stop_api_server().await;

    let response = get(api.addr, "/").await;

    assert_eq!(response.status(), 503);
    assert_eq!(
        json(&response)["details"][0]["reason"],
        "KUBERNETES_UNAVAILABLE"
    );
    assert_eq!(header_of(response.headers(), "retry-after"), "1");
}
