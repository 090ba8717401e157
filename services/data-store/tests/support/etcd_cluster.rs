//! Three etcds that agree.

use data_store::Address;

use super::etcd_server::{EtcdServer, free_ports};

const NAMES: [&str; 3] = ["one", "two", "three"];

/// How often to try other ports when somebody took those that were free a moment ago.
const ATTEMPTS: usize = 5;

/// Three members, killed when they are dropped.
#[derive(Debug)]
pub(crate) struct EtcdCluster {
    pub(crate) members: Vec<EtcdServer>,
}

// === impl EtcdCluster ===

impl EtcdCluster {
    /// Starts three and waits until each answers.
    pub(crate) async fn start() -> Self {
        for _ in 0..ATTEMPTS {
            let mut cluster = Self::spawn();
            if cluster.answers().await {
                return cluster;
            }
        }
        panic!("etcd does not start");
    }

    /// All three, in their order.
    pub(crate) fn address(&self, prefix: &str) -> Address {
        let endpoints: Vec<String> = self.members.iter().map(EtcdServer::endpoint).collect();
        format!("etcd:{}?prefix={prefix}", endpoints.join(","))
            .parse()
            .unwrap()
    }

    fn spawn() -> Self {
        let ports: [u16; 3] = free_ports();
        let peers: [u16; 3] = free_ports();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let everybody = NAMES
            .iter()
            .zip(peers)
            .map(|(name, peer)| format!("{name}={}", url(peer)))
            .collect::<Vec<_>>()
            .join(",");
        let members = NAMES.iter().zip(ports).zip(peers);
        let members = members.map(|((name, port), peer)| {
            let args = [
                ["--name", name],
                ["--listen-client-urls", &url(port)],
                ["--advertise-client-urls", &url(port)],
                ["--listen-peer-urls", &url(peer)],
                ["--initial-advertise-peer-urls", &url(peer)],
                ["--initial-cluster", &everybody],
            ];
            EtcdServer::spawn(port, args.concat().into_iter().map(str::to_owned).collect())
        });
        Self {
            members: members.collect(),
        }
    }

    async fn answers(&mut self) -> bool {
        for member in &mut self.members {
            if !member.answers().await {
                return false;
            }
        }
        true
    }
}
