//! What members tell of themselves, in their metrics.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time,
};

use crate::etcd_server::EtcdServer;

/// What is 1 at the member that leads.
const LEADS: &str = "etcd_server_is_leader ";
/// What counts the writes that were asked of a member.
const ASKED: &str = r#"grpc_server_started_total{grpc_method="Txn","#;

/// How long to count for, or to wait between two questions.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long to look for a leader, and for an answer of a member.
const PATIENCE: Duration = Duration::from_secs(15);

/// Waits until one member and no other leads, and answers which.
pub(crate) async fn leader(members: &[EtcdServer]) -> usize {
    let found = time::timeout(PATIENCE, async {
        loop {
            let leads = values(members, LEADS).await;
            let mut leaders = (0..leads.len()).filter(|&index| leads[index] > 0);
            if let (Some(leader), None) = (leaders.next(), leaders.next()) {
                return leader;
            }
            time::sleep(INTERVAL).await;
        }
    });
    found.await.expect("there must be a leader")
}

/// Answers which member most writes are asked of just now.
pub(crate) async fn most_asked(members: &[EtcdServer]) -> usize {
    let before = values(members, ASKED).await;
    time::sleep(INTERVAL).await;
    let after = values(members, ASKED).await;
    (0..members.len())
        .max_by_key(|&index| after[index] - before[index])
        .expect("there must be members")
}

/// A number of each member.
async fn values(members: &[EtcdServer], name: &str) -> Vec<u64> {
    let mut values = Vec::new();
    for member in members {
        let text = time::timeout(PATIENCE, metrics(member)).await.unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next());
        // What never happened is not counted.
        values.push(value.map_or(0, |value| value.parse::<f64>().unwrap() as u64));
    }
    values
}

async fn metrics(member: &EtcdServer) -> String {
    let mut stream = TcpStream::connect(member.endpoint()).await.unwrap();
    let request = b"GET /metrics HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}
