use std::{
    collections::HashMap,
    env,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use data_store::{Embedded, Storage as _};

use crate::support::{Place, open, put};

/// Where the child keeps its records; only the child has it.
const CHILD: &str = "DATA_STORE_DURABILITY_FILE";
const WRITERS: usize = 4;
/// Where the child stops if nobody kills it.
const WRITES: usize = 20_000;
/// How many acknowledgements are waited for before the kill.
const ACKNOWLEDGED: usize = 60;

/// Runs itself again as a child that writes and acknowledges on a pipe, kills it with SIGKILL, and opens the file it wrote.
#[tokio::test]
async fn every_acknowledged_write_survives_kill_9() {
    if let Some(path) = env::var_os(CHILD) {
        return write_until_killed(Path::new(&path)).await;
    }
    let place = Place::new();

    let acknowledged = kill_a_writer(&place.path());

    let storage = place.open().await.unwrap();
    assert!(acknowledged.len() >= ACKNOWLEDGED);
    for (key, revision) in &acknowledged {
        let record = storage.get(key).await.unwrap().unwrap();
        assert_eq!(
            (record.revision, record.value),
            (*revision, key.clone().into())
        );
    }
    // Every revision was taken by one write; the last may have lost its acknowledgement to the kill.
    let last = *acknowledged.values().max().unwrap();
    let next = put(&storage, "next", "").await.revision;
    assert!(next > last, "{next} after {last}");
}

/// Answers the keys and revisions that the child acknowledged before it died.
fn kill_a_writer(path: &Path) -> HashMap<String, i64> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "durability::every_acknowledged_write_survives_kill_9",
        ])
        .args(["--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = HashMap::new();
    for line in lines {
        let line = line.unwrap();
        if let Some((key, revision)) = acknowledgement(&line) {
            acknowledged.insert(key.to_owned(), revision);
        }
        if acknowledged.len() == ACKNOWLEDGED {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(status.code().is_none(), "killed, not ended: {status}");
    acknowledged
}

/// Reads `ack KEY REVISION.`; the stop tells a whole line from one the kill cut off.
fn acknowledgement(line: &str) -> Option<(&str, i64)> {
    // The test harness writes the beginning of a line before the test runs.
    let (_, ack) = line.split_once("ack ")?;
    let (key, revision) = ack.strip_suffix('.')?.split_once(' ')?;
    Some((key, revision.parse().ok()?))
}

async fn write_until_killed(path: &Path) {
    let storage = open(path).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(storage.clone(), writer)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn write(storage: Embedded, writer: usize) {
    for count in 0..WRITES / WRITERS {
        let key = format!("{writer}/{count}");
        let record = put(&storage, &key, key.as_str()).await;
        // Not println!, which the test harness may capture.
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "ack {key} {}.", record.revision).unwrap();
    }
}

#[tokio::test]
async fn records_survive_a_stop_in_order() {
    let place = Place::new();
    let storage = place.open().await.unwrap();
    let written = put(&storage, "a", "1").await;
    drop(storage);

    let storage = place.open().await.unwrap();

    assert_eq!(storage.get("a").await.unwrap(), Some(written));
}
