//! The front door: HTTP and gRPC on one port, and every call goes on to the data store, made as the api itself.
//!
//! ```text
//! curl ─ HTTP/JSON ─▶ gateway ─┐
//!                              ├─▶ DataStore ─ authorization: Bearer <the api's own token> ─▶ data store
//! grpcurl ── gRPC ──▶ grpc ────┘
//! ```

mod config;
mod cors;
mod data_store;
mod door;
mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
mod gateway;
mod grpc;
mod held;
mod openapi;
mod passing;
mod watch;

use axum::{Router, middleware};
use prometheus_client::registry::Registry;
use proto::api::v1::api_server::{ApiServer, SERVICE_NAME};
use runtime::{Admission, Bound, CancellationToken, Condition, Problems, Readiness};
use tonic::service::Routes;
use tonic_kube_auth::{ClientMetrics, TokenFollower};
use tower_http::cors::CorsLayer;

pub use self::config::{Callers, Config};
use self::{data_store::DataStore, door::Places, gateway::Gateway, watch::Watches};

/// How many may ask for health or reflection at once. Anybody may, without a token, and some of the answers never end: they must not take
/// the places of the calls.
const MAX_OPEN_REQUESTS: u32 = 100;

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
        let admission = self.admission(&mut problems, &mut registry).await;
        let cors = problems.check("--cors-origins", cors::layer(&self.cors_origins));
        let (Some(listener), Some(admin_listener), Some(endpoint)) =
            (listener, admin_listener, endpoint)
        else {
            return Err(problems);
        };
        let (Some(follower), Some(attach), Some(cors)) = (follower, attach, cors) else {
            return Err(problems);
        };
        problems.none()?;

        let (data_store, addresses) = DataStore::new(endpoint, &attach, self.limits());
        let stopping = CancellationToken::new();
        let watches = Watches::new(data_store.clone(), self.max_watches, stopping.clone());
        let (open, health) = runtime::grpc_routes(proto::FILE_DESCRIPTOR_SET, SERVICE_NAME).await;
        let gateway = Gateway {
            data_store,
            watches,
        };
        let router = self.router(open.routes(), gateway, admission.as_ref(), cors);
        // Made here, so that nobody finds it ready before it has shown that it is.
        let readiness = Readiness::new();
        let token = readiness.condition("token");
        let kubernetes = admission.map(|admission| {
            let condition = readiness.condition("kubernetes");
            admission.report_standing(condition)
        });
        let bound = Bound::new(listener, admin_listener, router, health, readiness)
            .with_metrics(registry)
            .with_stopping(stopping)
            .with_task("token", report_token(follower, token))
            .with_task("addresses", addresses);
        Ok(match kubernetes {
            Some(kubernetes) => bound.with_task("standing", kubernetes),
            None => bound,
        })
    }

    /// Every path, and what a request meets before it gets there, outermost last.
    fn router(
        &self,
        open: Routes,
        gateway: Gateway,
        admission: Option<&Admission>,
        cors: Option<CorsLayer>,
    ) -> Router {
        let api = grpc::Api::new(gateway.data_store.clone(), gateway.watches.clone());
        let api = ApiServer::new(api).max_decoding_message_size(proto::max_request(self.max_value));
        let only_grpc = || middleware::from_fn(grpc::only_grpc);
        let grpc = Routes::new(api).into_axum_router().reset_fallback();
        let open = open.into_axum_router().reset_fallback().layer(only_grpc());
        // Both faces of the contract, and nothing else: a kubelet's probes carry no token.
        let mut guarded = grpc.layer(only_grpc()).merge(gateway::routes(gateway));
        if let Some(admission) = admission {
            // Who calls, and may they?
            guarded = guarded.route_layer(admission.layer());
        }
        let places = |places| middleware::from_fn_with_state(Places::new(places), door::place);
        let guarded = guarded.route_layer(places(self.max_requests_in_flight));
        let open = open.route_layer(places(MAX_OPEN_REQUESTS));
        let mut router = gateway::with_fallbacks(guarded.merge(open).merge(openapi::routes()));
        if let Some(cors) = cors {
            // A browser asks whether it may ask, without a token.
            router = router.layer(cors);
        }
        // A name and a deadline.
        router.layer(middleware::from_fn(door::pass))
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
