//! The API server's answers: every request is authenticated, authorized, and only then looked at.
//!
//! ```text
//! request ─▶ authenticate (401) ─▶ what is asked ─▶ rbac (403) ─▶ route (404, 405) ─▶ body (400, 413, 415) ─▶ answer
//! ```
//!
//! Whatever should happen before an answer is a layer around [`router`]: what goes wrong on purpose is `fault`'s.

mod body;
mod discovery;
mod handler;
mod present;
mod protobuf;
mod request_info;
mod resource;
mod select;
mod table;
mod watch;

pub(crate) use self::handler::router;
