//! The cluster, the data store and the api on free ports, and small clients for them.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use local_cluster::{ApiServer, Cluster, Config, Faults, Paths};
use proto::{
    datastore::v1::data_store_client::DataStoreClient,
    records::v1::{GreetRequest, GreetResponse},
};
use runtime::{AuthArgs, CancellationToken, Readiness};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::{
    Status,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_kube_auth::Clock;
use tonic_types::StatusExt as _;

pub(crate) use crate::http_client::{get, header_of, http, json, mk_request, open, text};

pub(crate) const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A task that ends when it is told to, or when this is dropped.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// A stand-in cluster whose API server can be stopped and started again.
pub(crate) struct Kubernetes {
    pub(crate) cluster: Cluster,
    pub(crate) paths: Paths,
    addr: SocketAddr,
    offset: Arc<AtomicI64>,
    server: ApiServer,
    api_server: Option<Running>,
    _kubelet: Running,
    pub(crate) folder: TempDir,
}

/// A program of ours, running.
pub(crate) struct Program {
    pub(crate) addr: SocketAddr,
    pub(crate) admin_addr: SocketAddr,
    pub(crate) readiness: Readiness,
    running: Running,
}

// === impl Running ===

impl Running {
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(
        run: impl FnOnce(CancellationToken) -> F,
    ) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(stop.clone()));
        Self { stop, task }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.expect("the task must end well");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

// === impl Kubernetes ===

impl Kubernetes {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_with(token_lifetime: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let offset = Arc::new(AtomicI64::new(0));
        let seconds = Arc::clone(&offset);
        let clock = Clock::from_fn(move || {
            let behind = Duration::from_secs(seconds.load(Ordering::Relaxed).unsigned_abs());
            Clock::system().now() - behind
        });
        let config = Config {
            address: ANY_PORT,
            folder: folder.path().to_owned(),
            token_lifetime,
            clock,
        };
        let bound = config.bind().await.expect("the cluster must start");
        let (addr, cluster, paths) = (
            bound.address(),
            bound.cluster().clone(),
            bound.paths().clone(),
        );
        let (server, api_server, kubelet) = bound.into_parts();
        Self {
            cluster,
            paths,
            addr,
            offset,
            server,
            api_server: Some(Running::spawn(|stop| api_server.run(stop))),
            _kubelet: Running::spawn(|stop| kubelet.run(stop)),
            folder,
        }
    }

    pub(crate) async fn stop_api_server(&mut self) {
        self.api_server
            .take()
            .expect("it must be running")
            .stop()
            .await;
    }

    pub(crate) async fn start_api_server(&mut self) {
        let api_server = self
            .server
            .bind(self.addr)
            .await
            .expect("its address must be free");
        self.api_server = Some(Running::spawn(|stop| api_server.run(stop)));
    }

    /// A token for the data store, of an account in the namespace `api`.
    pub(crate) fn token(&self, account: &str) -> String {
        self.token_for(account, "data-store")
    }

    pub(crate) fn token_for(&self, account: &str, audience: &str) -> String {
        let lifetime = Duration::from_secs(600);
        let token = self.cluster.mint("api", account, &[audience], lifetime);
        token.expect("the account must exist").expose().to_owned()
    }

    /// A token that expired most of an hour ago.
    pub(crate) fn expired_token(&self) -> String {
        self.token_of_age(Duration::from_secs(3600))
    }

    /// A token of ten minutes that was made so long ago.
    pub(crate) fn token_of_age(&self, age: Duration) -> String {
        let seconds = age
            .as_secs()
            .try_into()
            .expect("an age is no geological one");
        self.offset.store(seconds, Ordering::Relaxed);
        let token = self.token("api");
        self.offset.store(0, Ordering::Relaxed);
        token
    }

    /// What goes wrong with the API server, and with the data store's clock.
    pub(crate) fn faults(&self) -> &Faults {
        self.server.faults()
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.paths.data_store_kubeconfig()
    }

    /// The data store's kubeconfig, but for an API server at another address.
    pub(crate) fn kubeconfig_to(&self, addr: SocketAddr) -> PathBuf {
        let text = std::fs::read_to_string(self.kubeconfig()).expect("it must have been written");
        let path = self.folder.path().join("elsewhere.kubeconfig");
        std::fs::write(
            &path,
            text.replace(&self.addr.to_string(), &addr.to_string()),
        )
        .expect("it can be written");
        path
    }
}

// === impl Program ===

impl Program {
    pub(crate) async fn data_store(kubernetes: &Kubernetes) -> Self {
        let config = mk_data_store_config(kubernetes);
        let program = Self::data_store_with(config).await;
        program.readiness.wait_for(true).await;
        program
    }

    pub(crate) async fn data_store_with(config: data_store::Config) -> Self {
        Self::run(config.bind().await.expect("the data store must start"))
    }

    pub(crate) async fn api(kubernetes: &Kubernetes, data_store: SocketAddr) -> Self {
        Self::api_with(mk_api_config(kubernetes, data_store)).await
    }

    pub(crate) async fn api_with(config: api::Config) -> Self {
        let program = Self::run(config.bind().await.expect("the api must start"));
        program.readiness.wait_for(true).await;
        program
    }

    fn run(bound: runtime::Bound) -> Self {
        Self {
            addr: bound.addr(),
            admin_addr: bound.admin_addr(),
            readiness: bound.readiness(),
            running: Running::spawn(async move |stop| {
                bound
                    .run(stop.cancelled())
                    .await
                    .expect("it must stop well");
            }),
        }
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

pub(crate) fn mk_api_config(kubernetes: &Kubernetes, data_store: SocketAddr) -> api::Config {
    api::Config {
        listen_addr: ANY_PORT,
        admin_addr: ANY_PORT,
        data_store_connstring: data_store.to_string(),
        token_path: kubernetes.paths.api_token(),
        ..api::Config::default()
    }
}

pub(crate) fn mk_data_store_config(kubernetes: &Kubernetes) -> data_store::Config {
    data_store::Config {
        listen_addr: ANY_PORT,
        admin_addr: ANY_PORT,
        storage: "memory:".to_owned(),
        ..data_store::Config::new(AuthArgs {
            kubeconfig: Some(kubernetes.kubeconfig()),
            clock: kubernetes.faults().clock(),
            ..AuthArgs::new("data-store", "api/api")
        })
    }
}

// === clients ===

/// A way to a gRPC server; it connects at the first call.
pub(crate) fn channel(addr: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{addr}"));
    endpoint.expect("an address must make a URL").connect_lazy()
}

/// Greets the data store directly, with a token or without one.
pub(crate) async fn greet(addr: SocketAddr, token: Option<&str>) -> Result<GreetResponse, Status> {
    let mut client = DataStoreClient::new(channel(addr));
    let mut request = tonic::Request::new(GreetRequest {});
    if let Some(token) = token {
        let value =
            AsciiMetadataValue::try_from(format!("Bearer {token}")).expect("it must be a header");
        request.metadata_mut().insert("authorization", value);
    }
    client.greet(request).await.map(tonic::Response::into_inner)
}

/// The reason and the domain that a status names, or nothing.
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}
