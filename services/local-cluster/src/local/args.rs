//! What a person may choose, and what it makes of the services' configuration.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use api::Callers;
use clap::Parser;
use runtime::AuthArgs;
use tonic_kube_auth::Clock;

use super::recurring::Recurring;
use crate::{
    api_server::fault::Fault,
    paths::Paths,
    run::{self, BindError},
    seed,
};

/// The kubelet renews a token when a fifth of its life is left, and the api must find it in that time.
const MIN_TOKEN_LIFETIME: Duration = Duration::from_secs(10);

/// Every begin and end of a fault is said to a person.
const MIN_FAULT_PERIOD: Duration = Duration::from_secs(1);

/// Runs a stand-in Kubernetes cluster, the data store and the api on this machine, to try it all without a cluster.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Where to keep keys, tokens, kubeconfigs and records.
    #[arg(long, default_value = ".local")]
    pub folder: PathBuf,

    /// How long a projected token lives, for example 600s or 30s; the kubelet replaces it at 80 % of that.
    #[arg(long, value_parser = token_lifetime)]
    pub token_lifetime: Option<Duration>,

    /// Where the data store keeps records: redb:PATH, memory:, or etcd:HOST:PORT,… which two data stores then share
    /// [default: redb:FOLDER/records.redb]
    #[arg(long)]
    pub storage: Option<String>,

    /// Who may call the api: anybody, or with a token for the audience api the service account default/default alone.
    #[arg(long, value_enum, default_value_t = Callers::Anonymous)]
    pub callers: Callers,

    /// Run only the stand-in cluster, and say how to start the services against it.
    #[arg(long)]
    pub cluster_only: bool,

    /// Have something go wrong every other period, by its name; `--fault help` lists what can
    #[arg(long, value_name = "NAME", value_parser = str::parse::<Fault>)]
    pub fault: Option<Fault>,

    /// How long all is well, and how long the fault then holds, in turns
    #[arg(long, default_value = "20s", value_parser = period, requires = "fault")]
    pub fault_period: Duration,

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

    /// Where a second data store serves gRPC, when the storage is an etcd.
    #[arg(long, default_value = "127.0.0.1:8082")]
    pub second_data_store_addr: SocketAddr,

    /// Where the second data store answers probes.
    #[arg(long, default_value = "127.0.0.1:9082")]
    pub second_data_store_admin_addr: SocketAddr,
}

// === impl Args ===

impl Args {
    pub(super) async fn bind_cluster(&self) -> Result<run::Bound, BindError> {
        let config = run::Config {
            address: self.kubernetes_addr,
            folder: self.folder.clone(),
            token_lifetime: self.token_lifetime,
            clock: Clock::system(),
        };
        config.bind().await
    }

    /// `clock` is the one that [`Fault::ClockAhead`] and [`Fault::ClockBehind`] step.
    pub(super) fn data_store(&self, paths: &Paths, clock: Clock) -> data_store::Config {
        let file = || format!("redb:{}", paths.folder().join("records.redb").display());
        data_store::Config {
            listen_addr: self.data_store_addr,
            admin_addr: self.data_store_admin_addr,
            storage: self.storage.clone().unwrap_or_else(file),
            ..data_store::Config::new(AuthArgs {
                kubeconfig: Some(paths.data_store_kubeconfig()),
                clock,
                ..AuthArgs::new(seed::AUDIENCE, &format!("{0}/{0}", seed::API))
            })
        }
    }

    /// The second data store on the same storage, if that can be shared.
    pub(super) fn second_data_store(
        &self,
        first: &data_store::Config,
    ) -> Option<data_store::Config> {
        // An address that is none is told by the first.
        let address = first.storage.parse();
        matches!(address, Ok(data_store::Address::Etcd(_))).then(|| data_store::Config {
            listen_addr: self.second_data_store_addr,
            admin_addr: self.second_data_store_admin_addr,
            ..first.clone()
        })
    }

    /// What goes wrong now and then, when anything is to.
    pub(super) fn recurring(&self) -> Option<Recurring> {
        self.fault.map(|fault| Recurring {
            fault,
            period: self.fault_period,
        })
    }

    pub(super) fn api(&self, paths: &Paths, data_store: SocketAddr) -> api::Config {
        api::Config {
            listen_addr: self.api_addr,
            admin_addr: self.api_admin_addr,
            data_store_connstring: data_store.to_string(),
            token_path: paths.api_token(),
            callers: self.callers,
            auth: match self.callers {
                Callers::Anonymous => AuthArgs::new(seed::API, ""),
                Callers::Token => AuthArgs {
                    // For the account of the data store, which may review tokens; in a cluster the api has a right of its own.
                    kubeconfig: Some(paths.data_store_kubeconfig()),
                    ..AuthArgs::new(seed::API, seed::USER)
                },
            },
            ..api::Config::default()
        }
    }
}

fn period(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(period) if period < MIN_FAULT_PERIOD => Err(format!(
            "must be at least {MIN_FAULT_PERIOD:?}: nobody could follow"
        )),
        Ok(period) => Ok(period),
        Err(error) => Err(error.to_string()),
    }
}

fn token_lifetime(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(lifetime) if lifetime < MIN_TOKEN_LIFETIME => Err(format!(
            "must be at least {MIN_TOKEN_LIFETIME:?}: the api looks for the next token once a second at most"
        )),
        Ok(lifetime) => Ok(lifetime),
        Err(error) => Err(error.to_string()),
    }
}
