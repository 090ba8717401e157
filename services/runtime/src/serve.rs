//! The accept loop: HTTP/1.1 and HTTP/2, with or without TLS, on one socket.
//!
//! ```text
//! serve ─▶ Server ─▶ Impatient ─▶ TLS or none ─▶ hyper ─▶ front ─▶ router
//! ```

mod accept;
mod front;
mod host;
mod impatient;
mod limits;
mod refusal;
mod server;

pub use self::{accept::serve, server::Server};

#[cfg(test)]
mod tests;
