//! Keeps records; admits only callers that authenticate and are allowed.
//!
//! ```text
//! Service ── record, page_token   what a request may say
//!    └────── Storage              what is kept, in which order, and since which revision
//! ```

mod page_token;
mod record;
mod service;
mod storage;

pub use service::Service;
pub use storage::{
    Address, AddressError, OpenError, OpenProblem, Page, PageLimits, Storage, StorageError,
};
