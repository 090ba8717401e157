//! What is counted.

#[cfg(feature = "server")]
pub(crate) mod server;
