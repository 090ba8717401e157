//! The front door: HTTP and gRPC on one port, and every call goes on to the data store, made as the api itself.
//!
//! ```text
//! curl ─ HTTP/JSON ─▶ gateway ─┐
//!                              ├─▶ DataStore ─ authorization: Bearer <the api's own token> ─▶ data store
//! grpcurl ── gRPC ──▶ grpc ────┘
//! ```

mod config;
mod data_store;
mod error;
mod gateway;
mod grpc;

use axum::middleware;
use prometheus_client::registry::Registry;
use proto::api::v1::api_server::{ApiServer, SERVICE_NAME};
use runtime::{Bound, Condition, Problems, Readiness};
use tonic_kube_auth::{ClientMetrics, TokenFollower};

pub use self::config::Config;

// === impl Config ===

impl Config {
    /// Reads the token, binds every socket and builds the services. It starts nothing but the reading of the token file.
    ///
    /// # Errors
    ///
    /// Every problem at once, each under the flag that mends it.
    pub async fn bind(self) -> Result<Bound, Problems> {
        tracing::info!(config = ?self, "Starting api");
        let mut problems = Problems::new();
        let listener = problems.check("--listen-addr", runtime::listen(self.listen_addr).await);
        let admin_listener = problems.check("--admin-addr", runtime::listen(self.admin_addr).await);
        let endpoint = problems.check("--data-store-connstring", self.endpoint());
        let mut registry = Registry::default();
        let metrics = ClientMetrics::register(registry.sub_registry_with_prefix("auth_client"));
        let follower = problems.check("--token-path", self.follow_token(metrics).await);
        let attach = match (&follower, &endpoint) {
            (Some(follower), Some(endpoint)) => problems.check(
                "--data-store-connstring",
                self.attach(follower.token(), endpoint.uri()),
            ),
            _ => None,
        };
        let (Some(listener), Some(admin_listener), Some(endpoint), Some(follower), Some(attach)) =
            (listener, admin_listener, endpoint, follower, attach)
        else {
            return Err(problems);
        };
        let (mut routes, health) =
            runtime::grpc_routes(proto::FILE_DESCRIPTOR_SET, SERVICE_NAME).await;

        let (data_store, addresses) = data_store::DataStore::new(endpoint, &attach, self.max_value);
        routes.add_service(
            ApiServer::new(grpc::Api::new(data_store.clone()))
                .max_decoding_message_size(proto::max_request(self.max_value)),
        );
        let router = routes
            .routes()
            .into_axum_router()
            .reset_fallback()
            .layer(middleware::from_fn(grpc::only_grpc))
            .merge(gateway::routes(data_store));
        // Made here, so that nobody finds it ready before it has shown that it is.
        let readiness = Readiness::new();
        let token = readiness.condition("token");
        Ok(
            Bound::new(listener, admin_listener, router, health, readiness)
                .with_metrics(registry)
                .with_task("token", report_token(follower, token))
                .with_task("addresses", addresses),
        )
    }
}

/// Ready as long as there is a token to call with.
async fn report_token(follower: TokenFollower, condition: Condition) {
    let mut token = follower.token();
    loop {
        if token.is_usable() {
            condition.holds();
        } else {
            condition.fails("there is no usable service account token to call the data store with");
        }
        if !token.changed().await {
            return;
        }
    }
}
