//! From settings to a running stand-in: [`Config`] → [`Bound`] → [`Bound::run`].

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use runtime::{ListenError, Stopped, Tasks};
use tonic_kube_auth::Clock;

use crate::api_server::{
    cluster::Cluster,
    failure::Failure,
    fault::Faults,
    server::{ApiServer, BoundApiServer},
    user::User,
};
use crate::{
    files::{FileError, blocking},
    kubelet::{Kubelet, KubeletConfig, ProjectionError},
    paths::Paths,
    pki::{Pki, PkiError},
    seed,
};

/// How to set up the stand-in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the API server listens; port 0 takes any that is free.
    pub address: SocketAddr,
    /// Where everything is kept; made if it is not there.
    pub folder: PathBuf,
    /// Replaces the lifetime of projected tokens that are not for the API server; may be seconds.
    pub token_lifetime: Option<Duration>,
    /// What time it is, for tokens and timestamps.
    pub clock: Clock,
}

/// The stand-in, ready to run: the socket is bound, every file is written, no task runs.
#[derive(Debug)]
pub struct Bound {
    cluster: Cluster,
    paths: Paths,
    /// To bind the API server again, after it was stopped alone.
    server: ApiServer,
    api_server: BoundApiServer,
    kubelet: Kubelet,
}

/// The stand-in cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The folder's absolute path cannot be told.
    #[error("cannot find the folder {path:?}")]
    Folder {
        /// As configured.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A kubeconfig cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The keys cannot be had.
    #[error("cannot set up the cluster's keys")]
    Pki(#[from] PkiError),
    /// The cluster's first objects are refused.
    #[error("cannot create the cluster's first objects")]
    Seed(#[from] Failure),
    /// The API server's address cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A pod's first token cannot be written.
    #[error("cannot fill the pods' volumes")]
    Projection(#[from] ProjectionError),
}

// === impl Config ===

impl Config {
    /// Keeps everything in `folder`, listens on 127.0.0.1:6443, and lives by the machine's clock.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            address: ([127, 0, 0, 1], 6443).into(),
            folder: folder.into(),
            token_lifetime: None,
            clock: Clock::system(),
        }
    }

    /// Reads or makes the keys, binds the socket, fills the pods' volumes and writes the kubeconfigs, in this order.
    ///
    /// The first start takes seconds, because it makes an RSA key.
    ///
    /// # Errors
    ///
    /// [`BindError`] of the first step that fails.
    pub async fn bind(self) -> Result<Bound, BindError> {
        let Self {
            address,
            folder,
            token_lifetime,
            clock,
        } = self;
        let folder = std::path::absolute(&folder).map_err(|source| BindError::Folder {
            path: folder,
            source,
        })?;
        let paths = Paths::new(folder);
        let pki_folder = paths.pki();
        let pki = blocking(move || Pki::open(&pki_folder)).await?;
        let mut builder = Cluster::builder(pki.signing_key()?)
            .with_clock(clock)
            .with_static_token(pki.admin_token(), User::admin());
        for object in seed::objects() {
            builder = builder.with_object(object);
        }
        let cluster = builder.build()?;

        // The socket before the files: a second stand-in must not overwrite those of the first.
        let server = ApiServer::new(cluster.clone(), &pki, address)?;
        let api_server = server.bind(address).await?;
        let kubelet = KubeletConfig {
            node: seed::NODE.to_owned(),
            folder: paths.pods(),
            ca_certificate: pki.ca_certificate().to_owned(),
            token_lifetime,
        };
        let kubelet = Kubelet::start(cluster.clone(), kubelet).await?;
        paths.write_kubeconfigs(api_server.address(), &pki)?;
        tracing::info!(
            address = %api_server.address(), kubeconfig = ?paths.admin_kubeconfig(),
            "The stand-in cluster is set up"
        );
        Ok(Bound {
            cluster,
            paths,
            server,
            api_server,
            kubelet,
        })
    }
}

// === impl Bound ===

impl Bound {
    /// Where the API server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.api_server.address()
    }

    /// Where the files are.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The cluster, to look into and to change from within the process.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What goes wrong with the API server on purpose.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// The parts, for whoever wants to run them one by one: the first binds an API server again after the second was stopped.
    #[must_use]
    pub fn into_parts(self) -> (ApiServer, BoundApiServer, Kubelet) {
        (self.server, self.api_server, self.kubelet)
    }

    /// Adds the parts to a program's tasks.
    pub fn spawn(self, tasks: &mut Tasks) {
        tasks.spawn("kubelet", |stop| self.kubelet.run(stop));
        tasks.spawn("api-server", |stop| self.api_server.run(stop));
    }

    /// Runs until `shutdown` resolves. The files stay, so that the next start goes on with the same keys.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when a task ends before.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Stopped> {
        let mut tasks = Tasks::new();
        self.spawn(&mut tasks);
        tasks.run_until(shutdown).await
    }
}
