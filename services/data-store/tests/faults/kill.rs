//! kill -9 under load, again and again: what was acknowledged is there, what was not is there whole or not at all.

#![expect(
    clippy::print_stdout,
    reason = "a fault run says in the end what it found"
)]

use std::{
    collections::{BTreeMap, HashMap},
    env, fs, mem,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use proto::records::v1::{Record, watch_records_response::Change};
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    program::{Caller, Kubernetes, PATIENCE, Program, Start},
    value::{Numbers, content_type_of, id_of, value_of},
};

const WRITERS: u64 = 8;
const KEYS: u64 = 64;
/// Fewer than are written, so that much is forgotten, and more than are written in a round.
const HISTORY: u32 = 500;
/// The program is killed after fewer acknowledgements than this.
const MOST_ACKNOWLEDGED: u64 = 40;

/// In one of so many rounds it is killed once more while it starts, within the time that a start takes.
const KILLED_TWICE: u64 = 4;
const STARTING_MS: u64 = 50;

/// The longest that the rounds may take together.
const LONGEST: Duration = Duration::from_secs(1_800);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_survives_kill_9() {
    timeout(LONGEST, kill_and_restart(3)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a fault run of minutes; cargo test -p data-store --test faults -- --ignored --nocapture"]
async fn every_acknowledged_write_survives_a_hundred_kills_under_load() {
    let rounds = env::var("FAULT_ROUNDS").map_or(100, |rounds| rounds.parse().unwrap());
    timeout(LONGEST, kill_and_restart(rounds)).await.unwrap();
}

async fn kill_and_restart(rounds: usize) {
    let began = Instant::now();
    let kubernetes = Kubernetes::start().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("records.redb");
    let start = Start {
        kubernetes: &kubernetes,
        file: &file,
        history: HISTORY,
        limit_kib: None,
    };
    let mut numbers = Numbers::new(rounds as u64);
    let mut ledger = Ledger::default();
    let (mut restarts, mut kills) = (Vec::new(), rounds);
    let mut program = start.start().await;
    for round in 1..=rounds {
        let acknowledgements = numbers.below(MOST_ACKNOWLEDGED);
        ledger = write_until_killed(&mut program, ledger, acknowledgements).await;
        if numbers.below(KILLED_TWICE) == 0 {
            let after = Duration::from_millis(numbers.below(STARTING_MS));
            start.start_and_kill(after).await;
            kills += 1;
        }
        program = start.start().await;
        restarts.push(program.started_in);
        let checked = ledger.check(&mut program.caller);
        let checked = timeout(PATIENCE, checked).await;
        checked.unwrap_or_else(|_| panic!("round {round} is not answered: {}", program.log()));
    }
    program.stop().await;
    ledger.report(kills, restarts, &file);
    println!("took                {:.1?}", began.elapsed());
}

/// Has the program killed once it acknowledged so many writes; comes back when every writer knows.
async fn write_until_killed(
    program: &mut Program,
    ledger: Ledger,
    acknowledgements: u64,
) -> Ledger {
    let ledger = Arc::new(Mutex::new(ledger));
    let (tx, mut acknowledged) = mpsc::unbounded_channel();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (caller, ledger, tx) = (program.caller.clone(), Arc::clone(&ledger), tx.clone());
        writers.spawn(write(writer, caller, ledger, tx));
    }
    drop(tx);
    let enough = async {
        for _ in 0..acknowledgements {
            acknowledged
                .recv()
                .await
                .expect("writers must go on until it is killed");
        }
    };
    timeout(PATIENCE, enough).await.unwrap();
    program.kill();
    let all = writers.join_all();
    timeout(PATIENCE, all).await.unwrap();
    Arc::into_inner(ledger).unwrap().into_inner().unwrap()
}

/// Writes until a write is not answered.
async fn write(
    writer: u64,
    mut caller: Caller,
    ledger: Arc<Mutex<Ledger>>,
    tx: mpsc::UnboundedSender<()>,
) {
    loop {
        let (id, write, before) = ledger.lock().unwrap().begin(writer);
        let key = write.key.clone();
        let answer = if write.is_deletion {
            caller.delete(key).await
        } else {
            let put = caller.put(key, value_of(id), content_type_of(id)).await;
            put.map(|record| Some(check_whole(id, &write, &record)))
        };
        let mut ledger = ledger.lock().unwrap();
        match answer {
            Ok(Some(revision)) => ledger.acknowledged(id, revision, before),
            Ok(None) => ledger.nothing_deleted(id),
            Err(status) => {
                let gone = [Code::Unavailable, Code::Unknown, Code::Cancelled];
                assert!(gone.contains(&status.code()), "{status:?}");
                return;
            }
        }
        // The test has seen enough when it kills.
        let _enough = tx.send(());
    }
}

/// Checks that a record is what the write `id` sent; answers its revision.
fn check_whole(id: u64, write: &Write, record: &Record) -> i64 {
    assert_eq!(record.key, write.key);
    assert_eq!(id_of(record), id, "{}", record.key);
    assert!(record.value == value_of(id), "half of write {id}");
    record.revision
}

#[derive(Clone, Debug)]
struct Write {
    key: String,
    is_deletion: bool,
}

/// What was sent, and what is known to have come of it.
#[derive(Debug, Default)]
struct Ledger {
    writes: HashMap<u64, Write>,
    /// Sent, and not answered: each may have happened.
    unclear: BTreeMap<u64, Write>,
    /// What took each revision. After a check it has all there are.
    happened: BTreeMap<i64, u64>,
    last_id: u64,
    acknowledged: u64,
    /// The unclear ones of rounds that were checked.
    found: u64,
    not_found: u64,
    forgotten: i64,
}

// === impl Ledger ===

impl Ledger {
    /// Answers a new write, and the revision that is certainly before its own.
    fn begin(&mut self, writer: u64) -> (u64, Write, i64) {
        self.last_id += 1;
        let id = self.last_id;
        let mut numbers = Numbers::new(id * WRITERS + writer);
        let write = Write {
            key: format!("key/{}", numbers.below(KEYS)),
            is_deletion: numbers.below(8) == 0,
        };
        self.writes.insert(id, write.clone());
        self.unclear.insert(id, write.clone());
        (id, write, self.last_revision())
    }

    fn acknowledged(&mut self, id: u64, revision: i64, before: i64) {
        assert!(revision > before, "{revision} is told after {before}");
        let taken = self.happened.insert(revision, id);
        assert_eq!(taken, None, "revision {revision} is told twice");
        self.unclear.remove(&id).unwrap();
        self.acknowledged += 1;
    }

    fn nothing_deleted(&mut self, id: u64) {
        self.unclear.remove(&id).unwrap();
    }

    fn last_revision(&self) -> i64 {
        let last = self.happened.last_key_value();
        last.map_or(0, |(&revision, _)| revision)
    }

    /// Holds what the program tells after a restart against what was acknowledged before.
    async fn check(&mut self, caller: &mut Caller) {
        let acknowledged = self.last_revision();
        let (listed, revision) = caller.list().await.unwrap();
        assert!(revision >= acknowledged, "{revision} < {acknowledged}");
        self.check_changes(caller, revision).await;
        // Nothing is between them that nobody sent, and nothing of theirs is missing.
        let revisions = self.happened.keys().copied();
        assert!(revisions.eq(1..=revision), "each has its one revision");
        let unclear = mem::take(&mut self.unclear);
        self.not_found += unclear.len() as u64;
        self.check_records(caller, listed).await;
    }

    /// What is remembered of the changes: each once, in order, and one that was sent.
    async fn check_changes(&mut self, caller: &mut Caller, last: i64) {
        let oldest = oldest_remembered(caller).await;
        assert!(oldest > self.forgotten, "what was forgotten comes back");
        assert!(last - oldest < i64::from(HISTORY), "too much is remembered");
        self.forgotten = oldest - 1;
        let mut changes = caller.watch(oldest).await.unwrap();
        let bookmark = changes.message().await.unwrap().unwrap();
        assert_eq!((bookmark.revision, bookmark.change), (oldest - 1, None));
        for revision in oldest..=last {
            let told = changes.message().await.unwrap().unwrap();
            assert_eq!(told.revision, revision);
            let change = told.change.expect("a bookmark is told to the idle");
            self.check_change(revision, &change);
        }
    }

    fn check_change(&mut self, revision: i64, change: &Change) {
        if let Some(id) = self.happened.get(&revision) {
            let write = &self.writes[id];
            match change {
                Change::Put(record) => assert_eq!(check_whole(*id, write, record), revision),
                Change::Deleted(key) => {
                    assert_eq!((key, true), (&write.key, write.is_deletion));
                }
            }
            return;
        }
        // Nobody was told of it: it is one of those that are unclear.
        let id = match change {
            Change::Put(record) => {
                let id = id_of(record);
                let write = self.unclear.get(&id).expect("it must have been sent");
                assert_eq!(check_whole(id, write, record), revision);
                id
            }
            Change::Deleted(deleted) => {
                let mut unclear = self.unclear.iter();
                let same = unclear.find(|(_, write)| write.is_deletion && write.key == *deleted);
                *same.expect("it must have been sent").0
            }
        };
        self.unclear.remove(&id);
        self.happened.insert(revision, id);
        self.found += 1;
    }

    /// What is there: the last write of each key, at its revision.
    async fn check_records(&self, caller: &mut Caller, listed: Vec<Record>) {
        let mut expected = BTreeMap::new();
        for (revision, id) in &self.happened {
            let write = &self.writes[id];
            if write.is_deletion {
                expected.remove(&write.key);
            } else {
                expected.insert(write.key.clone(), (*revision, *id));
            }
        }
        let found: Vec<_> = listed
            .iter()
            .map(|record| {
                let id = id_of(record);
                (
                    record.key.clone(),
                    (check_whole(id, &self.writes[&id], record), id),
                )
            })
            .collect();
        assert!(found.iter().cloned().eq(expected), "listed: {found:?}");
        let mut listed = listed.into_iter().peekable();
        let mut keys: Vec<_> = (0..KEYS).map(|n| format!("key/{n}")).collect();
        keys.sort();
        for key in keys {
            let listed = listed.next_if(|record| record.key == key);
            assert_eq!(caller.get(key).await.unwrap(), listed);
        }
    }

    fn report(&self, kills: usize, mut restarts: Vec<Duration>, file: &Path) {
        restarts.sort();
        let median = restarts[restarts.len() / 2];
        let longest = restarts.last().unwrap();
        let size = fs::metadata(file).unwrap().len();
        let starting = kills - restarts.len();
        println!(
            "kills               {kills}, of these {starting} while it started; {WRITERS} writers"
        );
        println!("acknowledged        {}, none lost", self.acknowledged);
        println!(
            "unclear             {}: {} found whole, {} not found",
            self.found + self.not_found,
            self.found,
            self.not_found
        );
        println!(
            "revisions           {}, none twice or left out; {} forgotten",
            self.last_revision(),
            self.forgotten
        );
        println!("restart until ready {median:.1?} median, {longest:.1?} longest");
        println!("file                {} KiB", size / 1024);
    }
}

async fn oldest_remembered(caller: &mut Caller) -> i64 {
    // The store says no before the first message, or with it.
    let refusal = match caller.watch(1).await {
        Ok(mut changes) => changes.message().await.err(),
        Err(status) => Some(status),
    };
    let Some(refusal) = refusal else {
        return 1;
    };
    let info = refusal.get_details_error_info().unwrap();
    assert_eq!(info.reason, "HISTORY_GONE", "{refusal}");
    info.metadata["oldest_revision"].parse().unwrap()
}
