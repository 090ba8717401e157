//! All of it in one process: the stand-in cluster, the data store and the api, started and stopped in the right order.

mod args;
mod guide;
mod recurring;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    time::Duration,
};

use runtime::{CancellationToken, Problems, Readiness, Stopped};
use tokio::time::{self, Instant};
use tracing::Instrument as _;

pub use self::args::Args;
use self::{guide::Guide, recurring::Recurring};
use crate::run::{self, BindError};

/// How long to wait for everything to be ready before saying what is not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything, with its sockets bound and its files written, before any of it runs.
#[derive(Debug)]
pub struct Local {
    cluster: run::Bound,
    services: Option<Services>,
    recurring: Option<Recurring>,
    guide: Guide,
    began: Instant,
}

#[derive(Debug)]
struct Services {
    data_store: runtime::Bound,
    /// On the same storage, which must be one that can be shared.
    second_data_store: Option<runtime::Bound>,
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
        let cluster = self.bind_cluster().await;
        let flag = match &cluster {
            Err(BindError::Listen(_)) => "--kubernetes-addr",
            Ok(_) | Err(_) => "--folder",
        };
        let Some(cluster) = problems.check(flag, cluster) else {
            return Err(problems);
        };
        let mut guide = Guide::new(&cluster);
        let recurring = self.recurring();
        if self.cluster_only {
            return Ok(Local {
                cluster,
                services: None,
                recurring,
                guide,
                began,
            });
        }

        say("Starting the data store and the api in it");
        let data_store = self.data_store(cluster.paths(), cluster.faults().clock());
        let second_data_store = self.second_data_store(&data_store);
        let data_store = data_store.bind().await;
        let data_store = problems.check_part(
            data_store,
            &[
                ("--listen-addr", "--data-store-addr"),
                ("--admin-addr", "--data-store-admin-addr"),
                ("--kubeconfig", "--folder"),
            ],
        );
        let second_data_store = match second_data_store {
            Some(config) => {
                let flags = [
                    ("--listen-addr", "--second-data-store-addr"),
                    ("--admin-addr", "--second-data-store-admin-addr"),
                ];
                problems.check_part(config.bind().await, &flags)
            }
            None => None,
        };
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
        problems.none()?;
        guide.add_services(&data_store, second_data_store.as_ref(), &api, self.callers);
        Ok(Local {
            cluster,
            services: Some(Services {
                data_store,
                second_data_store,
                api,
            }),
            recurring,
            guide,
            began,
        })
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
        let Services {
            data_store, api, ..
        } = self.services.as_ref()?;
        Some((api.addr(), data_store.addr()))
    }

    /// Where the second data store is served, if there is one.
    #[must_use]
    pub fn second_data_store_addr(&self) -> Option<SocketAddr> {
        let second = self.services.as_ref()?.second_data_store.as_ref()?;
        Some(second.addr())
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
            recurring,
            guide,
            began,
        } = self;
        let stopping = CancellationToken::new();
        let shutdown = async {
            shutdown.await;
            stopping.cancel();
        };
        let faults = cluster.faults().clone();
        let go_wrong = async {
            if let Some(recurring) = recurring {
                stopping.run_until_cancelled(recurring.run(&faults)).await;
                faults.set(None);
            }
            Ok(())
        };
        let Some(Services {
            data_store,
            second_data_store,
            api,
        }) = services
        else {
            say(&guide.to_string());
            tokio::try_join!(cluster.run(shutdown), go_wrong)?;
            return Ok(());
        };
        let all = [Some(&data_store), second_data_store.as_ref(), Some(&api)];
        let readiness: Vec<_> = all
            .into_iter()
            .flatten()
            .map(runtime::Bound::readiness)
            .collect();
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
            let first = data_store
                .run(stop)
                .instrument(tracing::info_span!("data-store"));
            let second = async {
                if let Some(second) = second_data_store {
                    second.run(stop_data_store.cancelled()).await?;
                }
                Ok(())
            };
            let second = second.instrument(tracing::info_span!("second-data-store"));
            let ended = tokio::try_join!(first, second);
            stop_cluster.cancel();
            ended.map(drop)
        };
        let cluster = cluster
            .run(stop_cluster.cancelled())
            .instrument(tracing::info_span!("cluster"));
        // Whoever stops it before it is ready need not be told that it is not.
        let announce = async {
            let announce = announce(&readiness, &guide, began);
            stop_data_store.run_until_cancelled(announce).await;
            Ok(())
        };
        tokio::try_join!(api, data_store, cluster, announce, go_wrong)?;
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
