//! Faults of minutes, under load: what a storage promises when what is below it dies, stops or fills up.

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
mod members;
