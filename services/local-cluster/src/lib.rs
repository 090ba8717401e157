//! A stand-in for a Kubernetes cluster on a laptop: the API server's endpoints that matter to who calls, and the kubelet's
//! projection of tokens into files.
//!
//! ```text
//!            ┌──────────── Cluster ───────────┐
//!  kubectl ─▶│ ApiServer ─ objects, keys, clock │── Kubelet ─▶ FOLDER/pods/NAMESPACE/POD/VOLUME/…
//!            └────────────────────────────────┘
//! ```
//!
//! It answers as a real kube-apiserver was recorded to answer; `tests/replay.rs` holds it to that. It does not run pods,
//! reconcile deployments or survive a restart with anything but its keys: objects made through the API are gone then.
//!
//! Start with [`Config`]; a test that wants its own keys, objects or time starts with [`Cluster::builder`].

#![expect(
    clippy::indexing_slicing,
    reason = "Kubernetes objects are JSON values here: reading what one does not have gives null, and what is written to was checked to be an object"
)]

mod api_server;
mod files;
mod kubeconfig;
mod kubelet;
mod local;
mod paths;
mod pki;
mod run;
mod secret;
mod seed;

pub use self::{
    api_server::{
        cluster::{Cluster, ClusterBuilder, ISSUER},
        failure::Failure,
        fault::{Fault, Faults, NoSuchFault},
        keys::{KeyError, SigningKey, VerifyingKey},
        server::{ApiServer, BoundApiServer},
        user::User,
    },
    files::FileError,
    kubelet::{Kubelet, KubeletConfig, ProjectionError},
    local::{Args, Local},
    paths::Paths,
    pki::{Pki, PkiError},
    run::{BindError, Bound, Config},
    secret::Secret,
};
