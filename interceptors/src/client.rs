//! Proves who calls.
//!
//! ```text
//! file ─ source: one checked read ─▶ follow: one task, the last good token ─▶ current ─▶ attach: an interceptor, on every call
//!                                       ▲                                                  │
//!                                       └───── ask: read it now ───── retry: was the token refused, and is there another?
//! ```

mod ask;
pub(crate) mod attach;
pub(crate) mod current;
pub(crate) mod follow;
mod replay;
pub(crate) mod retry;
pub(crate) mod source;
