//! Keeps records; admits only callers that authenticate and are allowed.

mod page_token;
mod record;
mod storage;

pub use storage::{
    Address, AddressError, OpenError, OpenProblem, Page, PageLimits, Storage, StorageError,
};
