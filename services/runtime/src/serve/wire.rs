//! What passes between a client and hyper, and what is done to it in HTTP/1.
//!
//! ```text
//!            ┌──────────────── Wire ────────────────┐
//!  client ──▶│ Heads: no two framings, at most 64 KiB │──▶ hyper ──▶ service
//!         ◀──│ Turn, reply: a body where there is none │◀──
//!            │ Linger: read what still comes, then end │
//!            └───────────────────────────────────────┘
//! ```
//!
//! hyper parses and frames; the wire can only make it refuse more. HTTP/2 passes untouched.

mod heads;
mod linger;
mod reply;
mod stream;
mod turn;

pub(super) use self::{stream::Wire, turn::Turn};
