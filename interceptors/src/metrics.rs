//! What is counted.
//!
//! Each side registers its series where it is told to, and counts through a handle. The caller chooses the prefix. Labels come from closed
//! enums: never a token, a name, a path or a message.

pub(crate) mod client;
#[cfg(feature = "server")]
pub(crate) mod server;
