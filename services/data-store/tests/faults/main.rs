//! What a data store promises when it is killed, and when what is below it dies, stops or fills up: under load, with everything real.
//!
//! `cargo test -p data-store --test faults` runs what takes seconds. The fault runs of minutes are ignored unless asked for:
//! `cargo test -p data-store --test faults -- --ignored --nocapture`.

#[cfg(test)]
mod disk_full;
#[cfg(test)]
#[path = "../support/etcd_cluster.rs"]
mod etcd_cluster;
#[cfg(test)]
#[expect(dead_code, reason = "an operator's part is in the tests of etcd")]
#[path = "../support/etcd_control.rs"]
mod etcd_control;
#[cfg(test)]
#[expect(dead_code, reason = "a cluster needs less than one server alone")]
#[path = "../support/etcd.rs"]
mod etcd_server;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod members;
#[cfg(test)]
mod program;
#[cfg(test)]
mod value;
