//! Keeps records; admits only callers that authenticate and are allowed.
//!
//! ```text
//! Config ─ bind ─▶ Bound ─ run ─▶ AuthLayer ─▶ Service ── record, page_token   what a request may say
//!                                                 └────── Storage              what is kept, in which order, since which revision
//! ```

mod caller;
mod config;
mod page_token;
mod record;
mod service;
mod standing;
mod storage;

use std::net::SocketAddr;

use axum::Router;
use proto::datastore::v1::data_store_server::SERVICE_NAME;
use runtime::{
    Condition, Health, Listener, Problems, Readiness, Server, Stopped, Tasks, admin, serve,
};
use tonic::service::LayerExt as _;
use tonic_kube_auth::{AllowList, Audience, AuthLayer, Clock, TokenReviewer};

pub use config::Config;
pub use service::Service;
pub use storage::{
    Address, AddressError, OpenError, OpenProblem, Page, PageLimits, Storage, StorageError,
};

/// A data store whose sockets are bound and whose storage is open, but that serves nobody yet.
#[derive(Debug)]
pub struct Bound {
    listener: Listener,
    admin_listener: Listener,
    router: Router,
    health: Health,
    readiness: Readiness,
    kubernetes: Condition,
    reviewer: TokenReviewer,
}

// === impl Config ===

impl Config {
    /// Opens the storage, binds every socket and builds the services. It starts nothing and asks nobody.
    ///
    /// # Errors
    ///
    /// Every problem at once, each under the flag that mends it.
    pub async fn bind(self) -> Result<Bound, Problems> {
        tracing::info!(config = ?self, "Starting data store");
        let mut problems = Problems::new();
        let listener = problems.check("--listen-addr", runtime::listen(self.listen_addr).await);
        let admin_listener = problems.check("--admin-addr", runtime::listen(self.admin_addr).await);
        let audience = problems.check("--audience", self.audience.parse::<Audience>());
        let allow = problems.check("--allow", self.allow.parse::<AllowList>());
        let storage = match problems.check("--storage", self.storage.parse::<Address>()) {
            Some(address) => problems.check("--storage", Storage::open(&address).await),
            None => None,
        };
        let kubernetes = problems.check("--kubeconfig", self.kube_config().await);
        let reviewer = match (kubernetes, &audience) {
            (Some(config), Some(audience)) => {
                problems.check("--kubeconfig", self.reviewer(config, audience))
            }
            _ => None,
        };
        let (
            Some(listener),
            Some(admin_listener),
            Some(audience),
            Some(allow),
            Some(storage),
            Some(reviewer),
        ) = (listener, admin_listener, audience, allow, storage, reviewer)
        else {
            return Err(problems);
        };
        let (mut routes, health) =
            runtime::grpc_routes(proto::FILE_DESCRIPTOR_SET, SERVICE_NAME).await;

        let auth = AuthLayer::new(reviewer.clone(), audience, allow);
        let service = Service::new(storage, Clock::system()).into_server();
        routes.add_service(auth.named_layer(service));
        let router = routes.routes().into_axum_router();
        // Made here, so that nobody finds it ready before it has shown that it is.
        let readiness = Readiness::new();
        let kubernetes = readiness.condition("kubernetes");
        Ok(Bound {
            listener,
            admin_listener,
            router,
            health,
            readiness,
            kubernetes,
            reviewer,
        })
    }
}

// === impl Bound ===

impl Bound {
    /// Where gRPC is served.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// Where probes are answered.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_listener.addr()
    }

    /// Whether it is ready: Kubernetes answers its reviews.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Serves until `shutdown` resolves; then lets the calls under way finish.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when one of its tasks ends before.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Stopped> {
        let Self {
            listener,
            admin_listener,
            router,
            health,
            readiness,
            kubernetes,
            reviewer,
        } = self;
        let mut tasks = Tasks::new();
        tasks.spawn_endless("standing", standing::follow(reviewer, kubernetes));
        tasks.spawn_endless("health", health.follow(readiness.clone()));
        tasks.spawn("admin", |stop| {
            serve(admin_listener, Server::new(admin(readiness)), stop)
        });
        tasks.spawn("server", |stop| serve(listener, Server::new(router), stop));
        tracing::info!("Serving");
        tasks.run_until(shutdown).await?;
        tracing::info!("Stopped");
        Ok(())
    }
}
