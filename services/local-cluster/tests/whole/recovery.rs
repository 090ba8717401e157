//! What goes away and comes back, and what does not fall over meanwhile.

use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{Kubernetes, Program, channel, get, greet, json, mk_data_store_config, text};

#[tokio::test]
async fn the_data_store_is_ready_exactly_while_kubernetes_answers_it() {
    let mut kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    assert_eq!(get(data_store.admin_addr, "/readyz").await.status(), 200);
    assert_eq!(get(data_store.admin_addr, "/livez").await.status(), 200);

    kubernetes.stop_api_server().await;
    // Nobody calls: the data store finds out by itself.
    data_store.readiness.wait_for(false).await;
    let readyz = get(data_store.admin_addr, "/readyz").await;
    assert_eq!(readyz.status(), 503);
    assert!(
        text(&readyz).contains("[-] kubernetes: cannot reach the Kubernetes API"),
        "{}",
        text(&readyz)
    );
    assert_eq!(get(data_store.admin_addr, "/livez").await.status(), 200);

    kubernetes.start_api_server().await;
    data_store.readiness.wait_for(true).await;
    let token = kubernetes.token("api");
    greet(data_store.addr, Some(&token)).await.unwrap();
}

#[tokio::test]
async fn the_api_stays_up_while_the_data_store_is_down_and_recovers_by_itself() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let api = Program::api(&kubernetes, data_store.addr).await;
    let addr = data_store.addr;
    assert_eq!(get(api.addr, "/").await.status(), 200);

    data_store.stop().await;
    let down = get(api.addr, "/").await;
    assert_eq!(down.status(), 503);
    assert_eq!(json(&down)["status"], "UNAVAILABLE");
    assert!(!text(&down).contains(&addr.to_string()), "{}", text(&down));
    assert!(api.readiness.is_ready());

    let config = data_store::Config {
        listen_addr: addr,
        ..mk_data_store_config(&kubernetes)
    };
    let data_store = Program::data_store_with(config).await;
    data_store.readiness.wait_for(true).await;
    assert_eq!(get(api.addr, "/").await.status(), 200);
}

#[tokio::test]
async fn a_data_store_that_never_answers_is_a_gateway_timeout() {
    let kubernetes = Kubernetes::start().await;
    let hung = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = Program::api(&kubernetes, hung.local_addr().unwrap()).await;

    let response = get(api.addr, "/").await;

    assert_eq!(response.status(), 504);
    assert_eq!(json(&response)["status"], "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn health_and_reflection_need_no_token_and_everything_else_does() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;

    let mut health = HealthClient::new(channel(data_store.addr));
    for service in ["", "datastore.v1.DataStore"] {
        let service = service.to_owned();
        let mut statuses = health
            .watch(HealthCheckRequest { service })
            .await
            .unwrap()
            .into_inner();
        // It follows readiness a moment later.
        while statuses
            .message()
            .await
            .unwrap()
            .expect("a watch must go on")
            .status()
            != ServingStatus::Serving
        {}
    }
    assert_eq!(
        greet(data_store.addr, None).await.unwrap_err().code(),
        Code::Unauthenticated
    );
}

/// The names that one version of the reflection service lists. The versions differ in nothing but their Rust types.
macro_rules! reflected {
    ($version:ident, $addr:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };

        let question = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(channel($addr));
        let answers = client
            .server_reflection_info(futures::stream::iter([question]))
            .await;
        let answer = answers
            .unwrap()
            .into_inner()
            .message()
            .await
            .unwrap()
            .unwrap();
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("it must be a list: {answer:?}")
        };
        list.service
            .into_iter()
            .map(|service| service.name)
            .collect::<Vec<_>>()
    }};
}

#[tokio::test]
async fn reflection_names_what_is_served_to_new_clients_and_old_ones() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;

    for names in [
        reflected!(v1, data_store.addr),
        reflected!(v1alpha, data_store.addr),
    ] {
        for served in ["datastore.v1.DataStore", "grpc.health.v1.Health"] {
            assert!(names.iter().any(|name| name == served), "{names:?}");
        }
        assert!(
            !names.iter().any(|name| name.starts_with("api.")),
            "{names:?}"
        );
    }
}
