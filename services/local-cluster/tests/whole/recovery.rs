//! What goes away and comes back, and what does not fall over meanwhile.

use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use tonic_reflection::pb::{v1, v1alpha};

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

#[tokio::test]
async fn reflection_names_what_is_served_to_new_clients_and_old_ones() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let served = ["datastore.v1.DataStore", "grpc.health.v1.Health"];

    let question = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(channel(data_store.addr));
    let mut answers = client
        .server_reflection_info(futures::stream::iter([question]))
        .await
        .unwrap()
        .into_inner();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("it must be a list")
    };
    for name in served {
        assert!(
            list.service.iter().any(|service| service.name == name),
            "{list:?}"
        );
    }
    assert!(
        !list
            .service
            .iter()
            .any(|service| service.name.starts_with("api.")),
        "{list:?}"
    );

    let question = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(channel(data_store.addr));
    let mut answers = client
        .server_reflection_info(futures::stream::iter([question]))
        .await
        .unwrap()
        .into_inner();
    let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("it must be a list")
    };
    for name in served {
        assert!(
            list.service.iter().any(|service| service.name == name),
            "{list:?}"
        );
    }
}
