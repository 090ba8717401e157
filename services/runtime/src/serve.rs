//! The accept loop: HTTP/1.1 and HTTP/2, with or without TLS, on one socket.
//!
//! ```text
//! serve ─▶ Server ─▶ Impatient ─▶ TLS ─▶ Wire ─▶ hyper ─▶ front ─▶ router
//!                    │ a client     │ or    │ two lengths,        │ a host, a deadline
//!                    │ must read    │ none  │ and a body to       │
//!                                           │ hyper's refusals
//! ```
//!
//! Whatever is refused over HTTP/1 is refused with a 4xx and `google.rpc.Status` in JSON. What stays without a body: an answer to `HEAD`, a
//! head that does not come or ends half-way, and what h2 refuses by itself, with a 431, a reset or a GOAWAY.

mod accept;
mod front;
mod host;
mod impatient;
mod limits;
mod protocol;
mod refusal;
mod server;
mod taking;
mod wire;

pub use self::{accept::serve, server::Server};

#[cfg(test)]
mod tests;
