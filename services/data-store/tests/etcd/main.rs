//! What is special to records in an etcd, at the real program.

#[cfg(test)]
#[path = "../support/etcd_cluster.rs"]
mod etcd_cluster;
#[cfg(test)]
#[path = "../support/etcd_control.rs"]
mod etcd_control;
#[cfg(test)]
#[path = "../support/etcd.rs"]
mod etcd_server;
#[cfg(test)]
mod history;
#[cfg(test)]
mod login;
#[cfg(test)]
mod members;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod room;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod size;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod watching;
