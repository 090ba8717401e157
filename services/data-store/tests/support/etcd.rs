//! An etcd of one's own: the real program on free ports, with its data in a folder that goes when it goes.

use std::{
    io,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use data_store::Address;
use proto::etcd::{RangeRequest, kv_client::KvClient};
use tempfile::TempDir;
use tokio::time;
use tonic::transport::{Channel, Endpoint};

/// How long etcd may take until it answers. It takes a third of a second on an idle machine.
const STARTING: Duration = Duration::from_secs(30);

/// How long to wait between two questions whether it answers.
const PAUSE: Duration = Duration::from_millis(10);

/// How often to try other ports when somebody took those that were free a moment ago.
const ATTEMPTS: usize = 5;

/// What elections and heartbeats may take, so that one member is up at once and three get over a loss soon.
const HASTE: [&str; 8] = [
    "--heartbeat-interval",
    "20",
    "--election-timeout",
    "200",
    "--log-level",
    "error",
    "--logger",
    "zap",
];

/// One etcd, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct EtcdServer {
    pub(crate) process: Child,
    pub(crate) port: u16,
    pub(crate) args: Vec<String>,
    pub(crate) folder: TempDir,
}

// === impl EtcdServer ===

impl EtcdServer {
    /// Starts one and waits until it answers.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with more flags and waits until it answers.
    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        for _ in 0..ATTEMPTS {
            let [port, peer_port] = free_ports();
            let client = format!("http://127.0.0.1:{port}");
            let peer = format!("http://127.0.0.1:{peer_port}");
            let mut args = vec![
                "--listen-client-urls".to_owned(),
                client.clone(),
                "--advertise-client-urls".to_owned(),
                client,
                "--listen-peer-urls".to_owned(),
                peer.clone(),
                "--initial-advertise-peer-urls".to_owned(),
                peer.clone(),
                "--initial-cluster".to_owned(),
                format!("default={peer}"),
            ];
            args.extend(flags.iter().map(|&flag| flag.to_owned()));
            let mut server = Self::spawn(port, args);
            if server.answers().await {
                return server;
            }
        }
        panic!("etcd does not start");
    }

    /// Starts the program and waits for nothing.
    pub(crate) fn spawn(port: u16, args: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = run(&folder, &args);
        Self {
            process,
            port,
            args,
            folder,
        }
    }

    /// Where it answers.
    pub(crate) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Records of its own below `prefix`.
    pub(crate) fn address(&self, prefix: &str) -> Address {
        format!("etcd:{}?prefix={prefix}", self.endpoint())
            .parse()
            .unwrap()
    }

    /// A connection that has nothing to do with the code under test.
    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.endpoint()))
            .unwrap()
            .tcp_nodelay(true)
            .connect_lazy()
    }

    /// Waits until it answers; false when it ended.
    pub(crate) async fn answers(&mut self) -> bool {
        time::timeout(STARTING, async {
            let mut client = KvClient::new(self.channel());
            loop {
                if let Some(_status) = self.process.try_wait().unwrap() {
                    return false;
                }
                let question = RangeRequest {
                    key: "ready".into(),
                    ..RangeRequest::default()
                };
                // Refused for want of a user is an answer, too.
                match time::timeout(PAUSE * 50, client.range(question)).await {
                    Ok(Err(status)) if status.code() != tonic::Code::InvalidArgument => {
                        time::sleep(PAUSE).await;
                    }
                    Ok(_answer) => return true,
                    Err(_elapsed) => {}
                }
            }
        })
        .await
        .expect("etcd must answer or end")
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        // It may have ended, or have been killed by the test.
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

pub(crate) fn run(folder: &TempDir, args: &[String]) -> Child {
    Command::new("etcd")
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .args(HASTE)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("etcd must be on the PATH (Debian: etcd-server)")
}

/// Ports that nobody listened on a moment ago.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<io::Result<_>>()
        .unwrap();
    std::array::from_fn(|index| listeners[index].local_addr().unwrap().port())
}
