//! The kubelet, as far as tokens go: it puts them in files, renews them in time, and removes them with their pod.
//!
//! ```text
//! pods of the node ─▶ volumes due? ─▶ TokenRequest ─▶ swap the files ─▶ sleep until 80 % of the shortest life
//!        ▲                                                                  │
//!        └──────────────── or until an object changes ◀─────────────────────┘
//! ```

mod project;
mod source;
mod swap;
mod task;

pub use self::task::{Kubelet, KubeletConfig, ProjectionError};
pub(crate) use self::{
    source::{TokenSource, check_volumes},
    task::volume_folder,
};
