//! The cluster's objects: kept in memory, versioned, watched, and never more than so many.

pub(crate) mod kind;
mod log;
mod name;
mod prepare;
mod state;
mod store;

pub(crate) use self::{name::is_label, store::Objects};
