//! Proves who calls.
//!
//! ```text
//! file ─ source: one checked read ─▶ follow: one task, the last good token ─▶ attach: an interceptor, on every call
//! ```

pub(crate) mod attach;
pub(crate) mod follow;
pub(crate) mod source;
