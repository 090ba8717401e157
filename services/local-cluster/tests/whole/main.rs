//! The whole way over real sockets: curl → api → token → data store → TokenReview → stand-in, and every way it can fail.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that finds what it does not expect is to panic, in its helpers too"
)]

mod callers;
#[path = "../../../data-store/tests/support/etcd.rs"]
#[expect(
    dead_code,
    clippy::panic,
    reason = "it is shared with other suites, and made for tests"
)]
mod etcd_server;
mod faults;
mod gateway;
#[path = "../../../api/tests/support/http.rs"]
mod http_client;
mod metrics;
mod outcomes;
mod programs;
mod recovery;
mod sharing;
mod support;
mod way;
