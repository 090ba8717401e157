//! What holds of every path and query, however odd: one function for each way they are read.
//!
//! ```text
//! fuzz/fuzz_targets/*.rs ─ any bytes ─┐
//!                                     ├─▶ one function here ─ reads them, and panics when something does not hold
//! cargo test ─ fuzz/seeds/*/* ────────┘
//! ```
//!
//! Each compares what the gateway reads with a second reading, in `plain`, that shares nothing with the first. It is no part of the program: it
//! is there for a fuzzer and for `cargo test` only.

mod key;
mod pairs;
mod plain;
mod refusal;
mod request;

pub use {key::key, pairs::pairs, request::request};

#[cfg(test)]
mod tests;
