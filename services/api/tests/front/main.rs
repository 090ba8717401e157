//! The api over real sockets, before a data store that answers as it is told.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that finds what it does not expect is to panic, in its helpers too"
)]

mod door;
mod openapi;
mod support;
mod watching;

#[path = "../support/http.rs"]
mod http_client;
