//! Keeps records; admits only callers that authenticate and are allowed.
//!
//! ```text
//! Config ─ bind ─▶ Bound ─ run ─▶ AuthLayer ─▶ Service ── record, page_token   what a request may say
//!                                                 └────── Storage              what is kept, in which order, since which revision
//!                                                           └── Embedded | Etcd
//! ```

mod caller;
mod config;
mod error;
mod http;
mod page_token;
mod record;
mod service;
mod storage;
mod stored;

use std::pin::Pin;

use prometheus_client::registry::Registry;
use proto::datastore::v1::data_store_server::SERVICE_NAME;
use runtime::{Bound, CancellationToken, Condition, Problems, Readiness};
use tonic::service::{LayerExt as _, RoutesBuilder};
use tonic_kube_auth::{AllowList, AuthLayer, Clock, TokenReviewer};

pub use config::Config;
pub use service::Service;
pub use storage::{
    Address, AddressError, Delete, Embedded, Etcd, EtcdAddress, Event, Listing, OpenError,
    OpenProblem, Page, PageLimits, Put, Storage, StorageError,
};

type Auth = AuthLayer<TokenReviewer, AllowList>;

// === impl Config ===

impl Config {
    /// Opens the storage, binds every socket and builds the services. It starts nothing and asks nobody.
    ///
    /// # Errors
    ///
    /// Every problem at once, each under the flag that mends it.
    pub async fn bind(self) -> Result<Bound, Problems> {
        let mut problems = Problems::new();
        let listener = problems.check("--listen-addr", runtime::listen(self.listen_addr).await);
        let admin_listener = problems.check("--admin-addr", runtime::listen(self.admin_addr).await);
        let storage = match problems.check("--storage", self.storage.parse::<Address>()) {
            Some(address) => problems.check("--storage", Opened::at(&address, self.history).await),
            None => None,
        };
        let mut registry = Registry::default();
        let admission = self.auth.admission(&mut problems, &mut registry).await;
        let (Some(listener), Some(admin_listener), Some(storage), Some(admission)) =
            (listener, admin_listener, storage, admission)
        else {
            return Err(problems);
        };
        // Only now: a storage address that is refused may hold a password.
        tracing::info!(config = ?self, "Starting data store");
        let (mut routes, health) =
            runtime::grpc_routes(proto::FILE_DESCRIPTOR_SET, SERVICE_NAME).await;

        let auth = admission.layer();
        // Made here, so that nobody finds it ready before it has shown that it is.
        let readiness = Readiness::new();
        let (kubernetes, stored) = (
            readiness.condition("kubernetes"),
            readiness.condition("storage"),
        );
        let stopping = CancellationToken::new();
        let (most, stop) = (self.max_value, stopping.clone());
        let stored = match storage {
            Opened::Embedded(storage) => add(&mut routes, &auth, storage, most, stop, stored),
            Opened::Etcd(storage) => add(&mut routes, &auth, storage, most, stop, stored),
        };
        let router = routes.routes().into_axum_router().merge(http::routes(auth));
        Ok(
            Bound::new(listener, admin_listener, router, health, readiness)
                .with_metrics(registry)
                .with_stopping(stopping)
                .with_task("standing", admission.report_standing(kubernetes))
                .with_task("storage", stored),
        )
    }
}

/// A storage that was opened, of one engine or the other.
enum Opened {
    Embedded(Embedded),
    Etcd(Etcd),
}

// === impl Opened ===

impl Opened {
    async fn at(address: &Address, history: u32) -> Result<Self, OpenError> {
        match address {
            Address::Redb(path) => Embedded::open(path, history).await.map(Self::Embedded),
            Address::Memory => Embedded::in_memory(history).await.map(Self::Embedded),
            Address::Etcd(address) => Etcd::open(address).await.map(Self::Etcd),
        }
    }
}

/// Has the methods of the contract answered out of `storage`, behind the check, and answers the task that tells whether it can be read.
fn add<S: Storage>(
    routes: &mut RoutesBuilder,
    auth: &Auth,
    storage: S,
    max_value: usize,
    stop: CancellationToken,
    condition: Condition,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let service = Service::new(storage.clone(), Clock::system())
        .with_max_value(max_value)
        .with_stop(stop);
    routes.add_service(auth.named_layer(service.into_server()));
    Box::pin(stored::follow(storage, condition))
}
