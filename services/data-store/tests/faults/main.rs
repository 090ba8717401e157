//! What the program is put through: its real self as a child of the test, with real tokens of the stand-in cluster.
//!
//! `cargo test -p data-store --test faults` runs what takes seconds. The fault runs of minutes are ignored unless asked for:
//! `cargo test -p data-store --test faults -- --ignored --nocapture`.

#[cfg(test)]
mod disk_full;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod program;
#[cfg(test)]
mod value;
