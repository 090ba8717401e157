//! The task: which volumes there should be, and when each is due.

use std::{
    collections::BTreeMap,
    future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use runtime::CancellationToken;
use serde_json::Value;
use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep_until},
};

use super::{source::Volume, swap};
use crate::api_server::{cluster::Cluster, failure::Failure, objects::kind::POD, text};
use crate::files::{FileError, blocking};

/// A token is replaced when so much of its life is over, or a day, as the kubelet does.
const RENEW_AFTER: f64 = 0.8;
const RENEW_AT_LATEST: Duration = Duration::from_secs(24 * 3600);

/// Pauses after failures double from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// What a kubelet needs to know.
#[derive(Clone, Debug)]
pub struct KubeletConfig {
    /// Its node: it minds the pods that run there.
    pub node: String,
    /// Where the volumes are: `FOLDER/NAMESPACE/POD/VOLUME/…`.
    pub folder: PathBuf,
    /// The certificate authority pods are told to trust, as PEM.
    pub ca_certificate: String,
    /// Replaces the pods' `expirationSeconds` for tokens that are not for the API server; may be seconds.
    pub token_lifetime: Option<Duration>,
}

/// Projects the tokens of one node's pods.
#[derive(Debug)]
pub struct Kubelet {
    pub(super) cluster: Cluster,
    pub(super) config: KubeletConfig,
    volumes: BTreeMap<VolumeId, Held>,
    /// The store has the other end.
    changed: Receiver<u64>,
}

/// A volume cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The API server gives no token.
    #[error("no token for the volume {path:?}")]
    Token {
        /// The volume's folder.
        path: PathBuf,
        /// What the API server says.
        #[source]
        failure: Failure,
    },
    /// The files cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct VolumeId {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) volume: String,
}

/// A volume we look after.
#[derive(Debug)]
struct Held {
    pod_uid: String,
    /// When to write it again; `None` when nothing in it expires.
    due: Option<Instant>,
    failures: u32,
}

// === impl Kubelet ===

impl Kubelet {
    /// Fills every volume for the first time and removes those of pods that are no more. No task runs yet.
    ///
    /// # Errors
    ///
    /// [`ProjectionError`] of the first volume that cannot be filled.
    pub async fn start(cluster: Cluster, config: KubeletConfig) -> Result<Self, ProjectionError> {
        let changed = cluster.objects().subscribe();
        let mut kubelet = Self {
            cluster,
            config,
            volumes: BTreeMap::new(),
            changed,
        };
        let pods = kubelet.pods();
        let folder = kubelet.config.folder.clone();
        let is_known = move |namespace: &str, pod: &str| {
            pods.iter().map(|pod| &pod["metadata"]).any(|metadata| {
                text(&metadata["namespace"]) == namespace && text(&metadata["name"]) == pod
            })
        };
        blocking(move || swap::remove_orphans(&folder, is_known)).await?;
        match kubelet.reconcile().await {
            None => Ok(kubelet),
            Some(error) => Err(error),
        }
    }

    /// Renews and removes until `stop` is cancelled. The files stay.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let next = self.volumes.values().filter_map(|held| held.due).min();
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = self.changed.changed() => {}
                () = sleep_until_some(next) => {}
            }
            self.reconcile().await;
        }
    }

    /// Makes the folders what the objects say they should be; returns the first failure, all are logged.
    async fn reconcile(&mut self) -> Option<ProjectionError> {
        // Marked as seen before reading, so that a change meanwhile wakes us again.
        self.changed.borrow_and_update();
        let mut first = None;
        let wanted: BTreeMap<_, _> = self
            .pods()
            .into_iter()
            .flat_map(|pod| {
                volumes(&pod)
                    .map(|(id, volume)| (id, (Arc::clone(&pod), volume)))
                    .collect::<Vec<_>>()
            })
            .collect();
        let gone: Vec<_> = self
            .volumes
            .keys()
            .filter(|id| !wanted.contains_key(id))
            .cloned()
            .collect();
        for id in gone {
            let (folder, pods) = (self.folder(&id), self.config.folder.clone());
            match blocking(move || swap::remove(&folder, &pods)).await {
                Ok(()) => tracing::info!(volume = %id, "Removed a volume"),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "Cannot remove a volume"
                ),
            }
            self.volumes.remove(&id);
        }
        for (id, (pod, volume)) in wanted {
            let now = Instant::now();
            let uid = text(&pod["metadata"]["uid"]);
            let held = self.volumes.get(&id).filter(|held| held.pod_uid == uid);
            if held.is_some_and(|held| held.due.is_none_or(|due| due > now)) {
                continue;
            }
            let failures = held.map_or(0, |held| held.failures);
            let held = match self.project(&id, &pod, &volume).await {
                Ok(life) => Held {
                    pod_uid: uid.to_owned(),
                    due: life.map(|life| now + life.mul_f64(RENEW_AFTER).min(RENEW_AT_LATEST)),
                    failures: 0,
                },
                Err(error) => {
                    let pause = LAST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(failures.min(6)));
                    let path = self.folder(&id);
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        ?path,
                        ?pause,
                        "Cannot fill a volume, will try again"
                    );
                    first.get_or_insert(error);
                    Held {
                        pod_uid: uid.to_owned(),
                        due: Some(now + pause),
                        failures: failures + 1,
                    }
                }
            };
            self.volumes.insert(id, held);
        }
        first
    }

    fn pods(&self) -> Vec<Arc<Value>> {
        let (_, mut pods) = self.cluster.objects().list(&POD, None);
        pods.retain(|pod| text(&pod["spec"]["nodeName"]) == self.config.node);
        pods
    }

    pub(super) fn folder(&self, id: &VolumeId) -> PathBuf {
        volume_folder(&self.config.folder, &id.namespace, &id.pod, &id.volume)
    }
}

// === impl VolumeId ===

impl std::fmt::Display for VolumeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.pod, self.volume)
    }
}

/// Where a kubelet whose volumes are in `pods` has this one.
pub(crate) fn volume_folder(pods: &Path, namespace: &str, pod: &str, volume: &str) -> PathBuf {
    pods.join(namespace).join(pod).join(volume)
}

fn volumes(pod: &Value) -> impl Iterator<Item = (VolumeId, Volume)> {
    let metadata = &pod["metadata"];
    Volume::all_of(pod).map(|volume| {
        let id = VolumeId {
            namespace: text(&metadata["namespace"]).to_owned(),
            pod: text(&metadata["name"]).to_owned(),
            volume: volume.name.clone(),
        };
        (id, volume)
    })
}

async fn sleep_until_some(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => future::pending().await,
    }
}
