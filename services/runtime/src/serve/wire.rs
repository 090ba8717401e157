//! What passes between a client and hyper, and what is done to it in HTTP/1.
//!
//! ```text
//! client ─▶ Heads: no two framings, 64 KiB at most ─▶ hyper ─▶ service
//!        ◀─ reply: a body where hyper gives none ◀── when it is not the service's Turn
//!           Linger: read on when the client still sends at the end
//! ```
//!
//! hyper parses and frames; the wire can only make it refuse more. HTTP/2 passes untouched.

mod heads;
mod linger;
mod reply;
mod stream;
mod turn;

pub(super) use self::{stream::Wire, turn::Turn};
