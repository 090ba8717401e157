//! Judges a service-account token: is it ours, for whom, still valid, and does what it speaks of still exist.
//!
//! ```text
//! remembered? ─ parse ─ issuer ─ signature by kid ─ audience ─ exp, nbf, iat ─ account ─ pod ─▶ accepted, remembered
//!      └ yes: accepted, for ten seconds, whatever happened meanwhile
//! ```
//!
//! The order decides which reason a caller is told; it is the order of kube-apiserver.

mod cache;
mod check;

pub(crate) use self::{cache::Cache, check::judge};
