//! A disk that is full: writes are refused and say why, reads go on, and nothing is lost; with room again, writes go on too.
//!
//! A disk is full in two ways. A file may not grow, as with a quota: a soft limit of the process does that anywhere, without a privilege.
//! Or a file that has grown is given no block for a page of it, in the midst of a commit: that takes a file system of its own, which only
//! root may mount, and the test of it says so where it cannot.

#![expect(
    clippy::print_stdout,
    reason = "a fault run says in the end what it found"
)]

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinSet, yield_now},
    time::{Instant, timeout, timeout_at},
};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{
    program::{Caller, Kubernetes, PATIENCE, Program, Start},
    value::{Numbers, content_type_of, id_of, value_of_size},
};

const WRITERS: u64 = 8;
const VALUE_BYTES: usize = 32 * 1024;
/// For how long the writers are refused, and never heed that they might wait.
const FULL_FOR: Duration = Duration::from_millis(5_500);
/// How soon there must be an answer to a write once there is room.
const AGAIN_WITHIN: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(600);
const KIB: u64 = 1024;

/// What those are told who are refused for want of room, and those whose commit failed when it was nearly done.
const FULL: &str = "Unavailable STORAGE_FULL, may be tried again";
const UNCLEAR: &str = "Unavailable STORAGE_UNAVAILABLE, may be tried again";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a fault run of minutes; cargo test -p data-store --test faults -- --ignored --nocapture"]
async fn a_file_that_may_not_grow_loses_nothing_and_stops_no_reads() {
    let room = Room::limited(16 * 1024);
    timeout(LONGEST, fill("a limit of 16 MiB", room))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a fault run of minutes; cargo test -p data-store --test faults -- --ignored --nocapture"]
async fn a_large_file_that_may_not_grow_loses_nothing_and_stops_no_reads() {
    let room = Room::limited(160 * 1024);
    timeout(LONGEST, fill("a limit of 160 MiB", room))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a fault run of minutes; cargo test -p data-store --test faults -- --ignored --nocapture"]
async fn a_full_file_system_loses_nothing_and_stops_no_reads() {
    let Some(room) = Room::mounted(16 * 1024) else {
        println!("left out: a file system may not be mounted here");
        return;
    };
    timeout(LONGEST, fill("a file system of 16 MiB", room))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a fault run of minutes; cargo test -p data-store --test faults -- --ignored --nocapture"]
async fn a_full_large_file_system_loses_nothing_and_stops_no_reads() {
    let Some(room) = Room::mounted(128 * 1024) else {
        println!("left out: a file system may not be mounted here");
        return;
    };
    timeout(LONGEST, fill("a file system of 128 MiB", room))
        .await
        .unwrap();
}

async fn fill(what: &str, room: Room) {
    let kubernetes = Kubernetes::start().await;
    let file = room.folder.path().join("records.redb");
    let start = Start {
        kubernetes: &kubernetes,
        file: &file,
        history: 10_000,
        limit_kib: room.limit_kib(),
    };
    let mut program = start.start().await;
    let run = Run::default();
    let (mut writers, mut refusals) = run.write(&program.caller);
    let reader = tokio::spawn(run.clone().read(program.caller.clone()));

    let first = timeout(LONGEST, refusals.recv()).await.unwrap();
    let full_at = Instant::now();
    first.expect("writers must go on");
    let reads_before = run.reads.load(Ordering::Relaxed);
    let acknowledged_before = run.sent().acknowledged();
    // The writers try again at once; that they are refused is what is looked at.
    while let Ok(refused) = timeout_at(full_at + FULL_FOR, refusals.recv()).await {
        refused.expect("writers must go on");
    }
    let reads_while_full = run.reads.load(Ordering::Relaxed) - reads_before;
    let refused = run.sent().refused();
    let acknowledged_while_full = run.sent().acknowledged() - acknowledged_before;
    room.give(&program);
    let had_room = Instant::now();
    run.had_room.send_replace(Some(had_room));
    let mut first_again = run.first_again.subscribe();
    let again = first_again.wait_for(Option::is_some);
    let again = timeout(AGAIN_WITHIN, again).await;
    let again = *again.expect("writes must go on without a restart").unwrap();
    run.is_over.store(true, Ordering::Relaxed);
    while let Some(writer) = timeout(PATIENCE, writers.join_next()).await.unwrap() {
        writer.unwrap();
    }
    let reads = timeout(PATIENCE, reader).await.unwrap().unwrap();
    let there = run.check(&mut program.caller).await;
    let log = program.log();
    program.stop().await;
    let restart = Start {
        limit_kib: None,
        ..start
    };
    let mut program = restart.start().await;
    assert_eq!(run.check(&mut program.caller).await, there);

    let sent = run.sent();
    println!("{what}, under {WRITERS} writers");
    println!(
        "  full        {acknowledged_before} acknowledged before, {acknowledged_while_full} within {FULL_FOR:?} from then on, {refused} refused"
    );
    println!(
        "  file        {} KiB",
        fs::metadata(&file).unwrap().len() / KIB
    );
    println!("  refusals    {:?}", sent.refusals);
    println!(
        "  reads       {reads_before} before, {reads_while_full} while full; longest gap {:.1?}; failed: {:?}",
        reads.longest_gap, reads.failed
    );
    println!("  room again  a write after {:.1?}", again.unwrap());
    println!(
        "  in the end  {} acknowledged, none lost; {} unclear, {} refused, none there; restart until ready {:.1?}",
        sent.acknowledged(),
        sent.unclear.len(),
        sent.refused() - sent.unclear.len() as u64,
        program.started_in
    );
    assert!(refused >= WRITERS, "it must have been full");
    assert_eq!(reads.failed, HashMap::new(), "no read may fail: {log}");
    let is_expected = |told: &String| [FULL, UNCLEAR].contains(&told.as_str());
    let refusals = &sent.refusals;
    assert!(refusals.keys().all(is_expected), "{refusals:?}: {log}");
}

/// Where the file is, and what keeps it small.
struct Room {
    folder: TempDir,
    kind: Kind,
}

enum Kind {
    Limited { kib: u64 },
    Mounted { filler: PathBuf },
}

/// What the tasks of a run share.
#[derive(Clone)]
struct Run {
    sent: Arc<Mutex<Sent>>,
    is_over: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
    had_room: watch::Sender<Option<Instant>>,
    /// How long after there was room a write was acknowledged that began then.
    first_again: watch::Sender<Option<Duration>>,
}

#[derive(Debug, Default)]
struct Sent {
    /// In the order of their acknowledgement.
    acknowledged: Vec<u64>,
    /// Those of which it was said that they may have happened: the disk was full in the midst of their commit.
    unclear: Vec<u64>,
    refusals: HashMap<String, u64>,
    last_id: u64,
}

#[derive(Debug, Default)]
struct Reads {
    longest_gap: Duration,
    failed: HashMap<String, u64>,
}

// === impl Room ===

impl Room {
    fn limited(kib: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let kind = Kind::Limited { kib };
        Self { folder, kind }
    }

    /// A file system of its own, a quarter of it taken by another file. Nothing where that is not permitted.
    fn mounted(kib: u64) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let size = format!("size={kib}k");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .status();
        if !mount.is_ok_and(|status| status.success()) {
            return None;
        }
        let filler = folder.path().join("filler");
        let room = Self {
            folder,
            kind: Kind::Mounted {
                filler: filler.clone(),
            },
        };
        let bytes = vec![0x5a; usize::try_from(kib * KIB / 4).unwrap()];
        fs::write(filler, bytes).unwrap();
        Some(room)
    }

    fn limit_kib(&self) -> Option<u64> {
        match self.kind {
            Kind::Limited { kib } => Some(kib),
            Kind::Mounted { .. } => None,
        }
    }

    fn give(&self, program: &Program) {
        match &self.kind {
            Kind::Limited { .. } => program.unlimited(),
            Kind::Mounted { filler } => fs::remove_file(filler).unwrap(),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if matches!(self.kind, Kind::Mounted { .. }) {
            unmount(self.folder.path());
        }
    }
}

// === impl Run ===

impl Default for Run {
    fn default() -> Self {
        Self {
            sent: Arc::default(),
            is_over: Arc::default(),
            reads: Arc::default(),
            had_room: watch::Sender::new(None),
            first_again: watch::Sender::new(None),
        }
    }
}

impl Run {
    /// Starts the writers. There is a word for each write that is refused.
    fn write(&self, caller: &Caller) -> (JoinSet<()>, mpsc::UnboundedReceiver<()>) {
        let (tx, refusals) = mpsc::unbounded_channel();
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            writers.spawn(self.clone().write_on(caller.clone(), tx.clone()));
        }
        (writers, refusals)
    }

    async fn write_on(self, mut caller: Caller, refusals: mpsc::UnboundedSender<()>) {
        while !self.is_over.load(Ordering::Relaxed) {
            let id = self.begin();
            let had_room = *self.had_room.borrow();
            let value = value_of_size(id, VALUE_BYTES);
            match caller.put(key_of(id), value, content_type_of(id)).await {
                Ok(_record) => {
                    self.sent().acknowledged.push(id);
                    if let Some(had_room) = had_room {
                        self.first_again.send_if_modified(|first| {
                            let is_first = first.is_none();
                            first.get_or_insert_with(|| had_room.elapsed());
                            is_first
                        });
                    }
                }
                Err(status) => {
                    self.sent().note_refusal(id, &status);
                    // Nobody listens once the disk was full for long enough.
                    let _enough = refusals.send(());
                }
            }
        }
    }

    /// Reads what was acknowledged, one after the other, until it is over.
    async fn read(self, mut caller: Caller) -> Reads {
        let mut reads = Reads::default();
        let mut numbers = Numbers::new(0);
        let mut answered_at = Instant::now();
        while !self.is_over.load(Ordering::Relaxed) {
            let id = {
                let sent = self.sent();
                let count = sent.acknowledged.len() as u64;
                let mut any = |count| usize::try_from(numbers.below(count)).unwrap();
                (count > 0).then(|| sent.acknowledged[any(count)])
            };
            let Some(id) = id else {
                yield_now().await;
                answered_at = Instant::now();
                continue;
            };
            match caller.get(key_of(id)).await {
                Ok(record) => {
                    let record = record.expect("what was acknowledged must be there");
                    assert_eq!(id_of(&record), id);
                    assert!(record.value == value_of_size(id, VALUE_BYTES));
                    self.reads.fetch_add(1, Ordering::Relaxed);
                    reads.longest_gap = reads.longest_gap.max(answered_at.elapsed());
                    answered_at = Instant::now();
                }
                Err(status) => *reads.failed.entry(told(&status)).or_default() += 1,
            }
        }
        reads
    }

    /// Checks that all that was acknowledged is there, and beside it nothing but what was unclear; answers how many are.
    async fn check(&self, caller: &mut Caller) -> usize {
        let (records, _revision) = caller.list().await.unwrap();
        let mut found: Vec<u64> = records
            .iter()
            .map(|record| {
                let id = id_of(record);
                assert_eq!(record.key, key_of(id));
                assert!(
                    record.value == value_of_size(id, VALUE_BYTES),
                    "half of {id}"
                );
                id
            })
            .collect();
        found.sort_unstable();
        let sent = self.sent();
        let lost = without(&sent.acknowledged, &found);
        assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
        let refused = without(&without(&found, &sent.acknowledged), &sent.unclear);
        assert!(refused.is_empty(), "refused, and there: {refused:?}");
        found.len()
    }

    fn begin(&self) -> u64 {
        let mut sent = self.sent();
        sent.last_id += 1;
        sent.last_id
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }
}

// === impl Sent ===

impl Sent {
    fn acknowledged(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    fn refused(&self) -> u64 {
        self.refusals.values().sum()
    }

    fn note_refusal(&mut self, id: u64, status: &Status) {
        let told = told(status);
        if told == UNCLEAR {
            self.unclear.push(id);
        }
        *self.refusals.entry(told).or_default() += 1;
    }
}

fn without(these: &[u64], those: &[u64]) -> Vec<u64> {
    let these = these.iter().copied();
    these.filter(|id| !those.contains(id)).collect()
}

fn key_of(id: u64) -> String {
    format!("write/{id}")
}

/// What a refusal tells whoever is refused.
fn told(status: &Status) -> String {
    let reason = status.get_details_error_info().map(|info| info.reason);
    let may_try_again = match status.get_details_retry_info() {
        Some(_) => "may be tried again",
        None => "for good",
    };
    let (code, reason) = (status.code(), reason.unwrap_or_default());
    format!("{code:?} {reason}, {may_try_again}")
}

fn unmount(folder: &Path) {
    // Lazily: the program may be about to end.
    let unmounted = Command::new("umount").arg("-l").arg(folder).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
}
