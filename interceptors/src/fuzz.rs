//! What holds of every input, however odd: one function for each text that comes from outside.
//!
//! ```text
//! fuzz/fuzz_targets/*.rs ─ any bytes ─┐
//!                                     ├─▶ one function here ─ reads them, and panics when something does not hold
//! cargo test ─ fuzz/seeds/*/* ────────┘
//! ```
//!
//! Each compares what the library reads with a second reading that is as plain as can be and shares nothing with the first. It is no part of
//! the library: it is there for a fuzzer and for `cargo test` only.

mod allow_list;
mod answer;
mod bearer;
mod claims;
mod json;
mod service_account;

pub use {
    allow_list::allow_list, answer::answer, bearer::bearer, claims::claims,
    service_account::service_account,
};

#[cfg(test)]
mod tests;
