//! What is kept: records under keys, in one engine that commits one write at a time.
//!
//! ```text
//! Address ──open──▶ Storage   async: one write at a time, all blocking work off the async threads
//!                     └─ Engine   keeps the database open; opens it again after an I/O error
//!                          └─ tables   what one transaction reads and writes
//!                               └─ format   the layout of the file, and its version
//! ```
//!
//! # The file
//!
//! A redb file with two tables. `records` holds, under each key, the protobuf message `records.v1.Record` without its `key`.
//! `meta` holds two numbers: `format`, the version of this layout, and `revision`, that of the last write.

mod address;
mod engine;
mod error;
mod file;
mod format;
mod page;
mod store;
mod tables;

pub use address::{Address, AddressError};
pub use error::{OpenError, OpenProblem, StorageError};
pub use page::{Page, PageLimits};
pub use store::Storage;
