//! What can go wrong with an API server, at the push of a button.
//!
//! ```text
//! Faults ─ which Fault holds now ─┬▶ connection   stopped, another-ca, reset: what becomes of every connection
//!                                 ├▶ answer       hung, status-…, empty-body, …: what becomes of reviews; forge: of their verdicts
//!                                 └▶ clock        clock-ahead, clock-behind: what time the data store believes it is
//! ```
//!
//! Only reviews (TokenReview, SubjectAccessReview, SelfSubjectAccessReview) are answered badly, whoever asks; the kubelet and kubectl go on
//! as before. What becomes of connections concerns everybody, those that were there when the fault began too.

mod answer;
mod connection;
mod faults;
mod forge;
mod kind;

pub(crate) use self::connection::{Certificates, serve};
pub use self::{
    faults::Faults,
    kind::{Fault, NoSuchFault},
};
