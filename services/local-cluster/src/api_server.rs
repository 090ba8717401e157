//! The API server: what it keeps, how it decides, and what it answers.
//!
//! ```text
//! server ─▶ api ─ authenticate → rbac → ┬ review, access_review, token_request ─▶ judge, token, keys
//!  (TLS)                                └ objects: get, list, watch, create, delete
//! ```
//!
//! `cluster` is the state all of it works on; `failure` is every "no", worded as Kubernetes words it; `fault` is what can be made to go
//! wrong.

pub(crate) mod access_review;
pub(crate) mod api;
pub(crate) mod authenticate;
pub(crate) mod cluster;
pub(crate) mod failure;
pub(crate) mod fault;
pub(crate) mod go;
pub(crate) mod judge;
pub(crate) mod keys;
pub(crate) mod objects;
pub(crate) mod rbac;
pub(crate) mod review;
pub(crate) mod server;
pub(crate) mod text;
pub(crate) mod token;
pub(crate) mod token_request;
pub(crate) mod user;

pub(crate) use self::text::{rfc3339, text};
