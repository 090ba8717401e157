//! Checks who called.
//!
//! ```text
//! request ─ layer → service ─ bearer: the token, out of the headers
//!                           ─ check:  every question in order ─ refused → refusal → a gRPC status or a plain HTTP answer
//!                                                             ─ passed  → Caller in the extensions → inner service
//! ```

pub(crate) mod bearer;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod check;
pub(crate) mod deadline;
pub(crate) mod future;
pub(crate) mod layer;
pub(crate) mod refusal;
pub(crate) mod service;
pub(crate) mod verdict;
