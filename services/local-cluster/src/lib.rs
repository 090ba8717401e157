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

mod access_review;
mod api;
mod authenticate;
mod cluster;
mod failure;
mod files;
mod go;
mod judge;
mod keys;
mod kubeconfig;
mod kubelet;
mod local;
mod objects;
mod paths;
mod pki;
mod rbac;
mod review;
mod run;
mod secret;
mod seed;
mod server;
mod text;
mod token;
mod token_request;
mod user;

use self::text::{rfc3339, text};
pub use self::{
    cluster::{Cluster, ClusterBuilder, ISSUER},
    failure::Failure,
    files::FileError,
    keys::{KeyError, SigningKey, VerifyingKey},
    kubelet::{Kubelet, KubeletConfig, ProjectionError},
    local::{Args, Local},
    paths::Paths,
    pki::{Pki, PkiError},
    run::{BindError, Bound, Config},
    secret::Secret,
    server::{ApiServer, BoundApiServer},
    user::User,
};
