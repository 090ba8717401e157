//! All of it in one process: the stand-in cluster, the data store and the api, started and stopped in the right order.

mod guide;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use clap::Parser;
use runtime::{CancellationToken, Problems, Readiness, Stopped};
use tokio::time::{self, Instant};
use tonic_kube_auth::Clock;
use tracing::Instrument as _;

use self::guide::Guide;
use crate::{
    paths::Paths,
    run::{self, BindError},
    seed,
};

/// How long to wait for everything to be ready before saying what is not.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kubelet renews a token when a fifth of its life is left, and the api must find it in that time.
const MIN_TOKEN_LIFETIME: Duration = Duration::from_secs(10);

/// Runs a stand-in Kubernetes cluster, the data store and the api on this machine, to try it all without a cluster.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Where to keep keys, tokens, kubeconfigs and records.
    #[arg(long, default_value = ".local")]
    pub folder: PathBuf,

    /// How long a projected token lives, for example 600s or 30s; the kubelet replaces it at 80 % of that.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub token_lifetime: Option<Duration>,

    /// Where the data store keeps records: redb:PATH or memory: [default: redb:FOLDER/records.redb]
    #[arg(long)]
    pub storage: Option<String>,

    /// Run only the stand-in cluster, and say how to start the services against it.
    #[arg(long)]
    pub cluster_only: bool,

    /// Where the stand-in serves the Kubernetes API.
    #[arg(long, default_value = "127.0.0.1:6443")]
    pub kubernetes_addr: SocketAddr,

    /// Where the api serves HTTP and gRPC.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub api_addr: SocketAddr,

    /// Where the api answers probes.
    #[arg(long, default_value = "127.0.0.1:9080")]
    pub api_admin_addr: SocketAddr,

    /// Where the data store serves gRPC.
    #[arg(long, default_value = "127.0.0.1:8081")]
    pub data_store_addr: SocketAddr,

    /// Where the data store answers probes.
    #[arg(long, default_value = "127.0.0.1:9081")]
    pub data_store_admin_addr: SocketAddr,
}

/// A token that lives so shortly expires before anybody can find the next one.
#[derive(Debug, thiserror::Error)]
#[error(
    "must be at least {MIN_TOKEN_LIFETIME:?}: the api looks for the next token once a second at most"
)]
struct TooShort;

/// Everything, with its sockets bound and its files written, before any of it runs.
#[derive(Debug)]
pub struct Local {
    cluster: run::Bound,
    services: Option<Services>,
    guide: Guide,
    began: Instant,
}

#[derive(Debug)]
struct Services {
    data_store: runtime::Bound,
    api: runtime::Bound,
}

// === impl Args ===

impl Args {
    /// Sets up the cluster, then the services that live in it.
    ///
    /// # Errors
    ///
    /// Every problem at once, each under the flag that mends it.
    pub async fn bind(self) -> Result<Local, Problems> {
        let began = Instant::now();
        say("Setting up a stand-in Kubernetes cluster; the very first start makes its keys");
        let mut problems = Problems::new();
        if problems
            .check("--token-lifetime", self.check_token_lifetime())
            .is_none()
        {
            return Err(problems);
        }
        let cluster = self.bind_cluster().await;
        let flag = match &cluster {
            Err(BindError::Listen(_)) => "--kubernetes-addr",
            Ok(_) | Err(_) => "--folder",
        };
        let Some(cluster) = problems.check(flag, cluster) else {
            return Err(problems);
        };
        let mut guide = Guide::new(&cluster);
        if self.cluster_only {
            return Ok(Local {
                cluster,
                services: None,
                guide,
                began,
            });
        }

        say("Starting the data store and the api in it");
        let data_store = self.data_store(cluster.paths()).bind().await;
        let data_store = problems.check_part(
            data_store,
            &[
                ("--listen-addr", "--data-store-addr"),
                ("--admin-addr", "--data-store-admin-addr"),
                ("--kubeconfig", "--folder"),
            ],
        );
        let data_store_addr = data_store
            .as_ref()
            .map_or(self.data_store_addr, runtime::Bound::addr);
        let api = self.api(cluster.paths(), data_store_addr).bind().await;
        let api = problems.check_part(
            api,
            &[
                ("--listen-addr", "--api-addr"),
                ("--admin-addr", "--api-admin-addr"),
                ("--data-store-connstring", "--data-store-addr"),
                ("--token-path", "--folder"),
            ],
        );
        let (Some(data_store), Some(api)) = (data_store, api) else {
            return Err(problems);
        };
        guide.add_services(&data_store, &api);
        Ok(Local {
            cluster,
            services: Some(Services { data_store, api }),
            guide,
            began,
        })
    }

    fn check_token_lifetime(&self) -> Result<(), TooShort> {
        match self.token_lifetime {
            Some(lifetime) if lifetime < MIN_TOKEN_LIFETIME => Err(TooShort),
            Some(_) | None => Ok(()),
        }
    }

    async fn bind_cluster(&self) -> Result<run::Bound, BindError> {
        let config = run::Config {
            address: self.kubernetes_addr,
            folder: self.folder.clone(),
            token_lifetime: self.token_lifetime,
            clock: Clock::system(),
        };
        config.bind().await
    }

    fn data_store(&self, paths: &Paths) -> data_store::Config {
        let file = || format!("redb:{}", paths.folder().join("records.redb").display());
        data_store::Config {
            listen_addr: self.data_store_addr,
            admin_addr: self.data_store_admin_addr,
            storage: self.storage.clone().unwrap_or_else(file),
            kubeconfig: Some(paths.data_store_kubeconfig()),
            ..data_store::Config::new(seed::AUDIENCE, &format!("{0}/{0}", seed::API))
        }
    }

    fn api(&self, paths: &Paths, data_store: SocketAddr) -> api::Config {
        api::Config {
            listen_addr: self.api_addr,
            admin_addr: self.api_admin_addr,
            data_store_connstring: data_store.to_string(),
            token_path: paths.api_token(),
            allow_plaintext_token: false,
        }
    }
}

// === impl Local ===

impl Local {
    /// The stand-in cluster.
    #[must_use]
    pub fn cluster(&self) -> &run::Bound {
        &self.cluster
    }

    /// Where the api and the data store are served; nothing when only the cluster runs.
    #[must_use]
    pub fn addrs(&self) -> Option<(SocketAddr, SocketAddr)> {
        let Services { data_store, api } = self.services.as_ref()?;
        Some((api.addr(), data_store.addr()))
    }

    /// Runs until `shutdown` resolves; then stops the api first, the data store next, and the cluster last, so that calls under way finish.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when a task of any of them ends before.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Stopped> {
        let Self {
            cluster,
            services,
            guide,
            began,
        } = self;
        let Some(Services { data_store, api }) = services else {
            say(&guide.to_string());
            return cluster.run(shutdown).await;
        };
        let readiness = [data_store.readiness(), api.readiness()];
        let (stop_data_store, stop_cluster) = (CancellationToken::new(), CancellationToken::new());
        let api = async {
            let ended = api
                .run(shutdown)
                .instrument(tracing::info_span!("api"))
                .await;
            stop_data_store.cancel();
            ended
        };
        let data_store = async {
            let stop = stop_data_store.cancelled();
            let ended = data_store
                .run(stop)
                .instrument(tracing::info_span!("data-store"))
                .await;
            stop_cluster.cancel();
            ended
        };
        let cluster = cluster
            .run(stop_cluster.cancelled())
            .instrument(tracing::info_span!("cluster"));
        let announce = async {
            announce(&readiness, &guide, began).await;
            Ok(())
        };
        tokio::try_join!(api, data_store, cluster, announce)?;
        say("Stopped; what it wrote is in the folder, for the next start");
        Ok(())
    }
}

/// Says what listens where as soon as all of it is ready, or after a while what is not.
async fn announce(readiness: &[Readiness], guide: &Guide, began: Instant) {
    let all_ready = async {
        for readiness in readiness {
            readiness.wait_for(true).await;
        }
    };
    if time::timeout(PATIENCE, all_ready).await.is_ok() {
        say(&format!(
            "Ready after {} ms\n{guide}",
            began.elapsed().as_millis()
        ));
    } else {
        let missing: String = readiness.iter().map(Readiness::to_string).collect();
        say(&format!("Not ready yet:\n{missing}{guide}"));
    }
}

/// For the person at the terminal; logs go to standard error.
fn say(text: &str) {
    let _nobody_reads = writeln!(io::stdout(), "{text}");
}
