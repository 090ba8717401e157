//! Writers, and what each was answered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use data_store::{Etcd, Put, Storage as _, StorageError};
use futures::future::join_all;
use proto::records::v1::Record;
use tokio::{
    spawn,
    sync::watch,
    task::JoinHandle,
    time::{self, Instant},
};

/// Records that everybody overwrites.
const SHARED: usize = 5;
/// Records that everybody counts up, each from what was read before.
const COUNTERS: usize = 4;

/// How long a writer rests between two writes, so that etcd and the writers share two cores.
const REST: Duration = Duration::from_millis(10);

/// What every counter's key begins with.
pub(crate) const COUNTER: &str = "counter/";

/// Writers at work.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    /// Of each handle, when the acknowledged write that began last did so.
    progress: Vec<watch::Sender<Instant>>,
    writers: Vec<JoinHandle<Ledger>>,
}

/// What one writer was answered.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Which handle it wrote with.
    pub(crate) handle: usize,
    pub(crate) writes: Vec<Write>,
    pub(crate) reads: Vec<Read>,
}

/// A write and what came of it. No other has the same value.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) expected: Option<i64>,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) answer: Result<Record, StorageError>,
}

/// A read and what came of it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) key: String,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// The last acknowledged revision of the record when the read began.
    pub(crate) known: i64,
    /// The revision that was read; 0 when there was no record.
    pub(crate) answer: Result<i64, StorageError>,
}

struct Writer {
    number: usize,
    store: Etcd,
    progress: watch::Sender<Instant>,
    /// What was acknowledged to any writer.
    known: Arc<Mutex<BTreeMap<String, i64>>>,
    ledger: Ledger,
}

// === impl Load ===

impl Load {
    /// Starts writers, which take turns at the handles.
    pub(crate) fn start(stores: &[Etcd], writers: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let known = Arc::default();
        let now = Instant::now();
        let progress: Vec<_> = stores.iter().map(|_| watch::Sender::new(now)).collect();
        let mut tasks = Vec::new();
        for number in 0..writers {
            let handle = number % stores.len();
            let writer = Writer {
                number,
                store: stores[handle].clone(),
                progress: progress[handle].clone(),
                known: Arc::clone(&known),
                ledger: Ledger {
                    handle,
                    writes: Vec::new(),
                    reads: Vec::new(),
                },
            };
            tasks.push(spawn(writer.run(Arc::clone(&stop))));
        }
        Self {
            stop,
            writers: tasks,
            progress,
        }
    }

    /// Waits until a write that began after `moment` is acknowledged, at each handle.
    pub(crate) async fn goes_on(&self, moment: Instant) {
        join_all(self.progress.iter().map(async |progress| {
            let mut progress = progress.subscribe();
            progress.wait_for(|began| *began > moment).await.unwrap();
        }))
        .await;
    }

    /// Stops every writer after what it is at.
    pub(crate) async fn stop(self) -> Vec<Ledger> {
        self.stop.store(true, Ordering::Relaxed);
        let ledgers = join_all(self.writers).await.into_iter();
        ledgers.map(Result::unwrap).collect()
    }
}

// === impl Writer ===

impl Writer {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Ledger {
        let mut step = 0;
        while !stop.load(Ordering::Relaxed) {
            step += 1;
            let mark = format!("{}-{step}", self.number);
            match step % 8 {
                // Nobody knows whether it is there.
                0 => self.put(format!("fresh/{mark}"), mark, None).await,
                1 | 3 | 5 => {
                    let key = format!("shared/{}", (self.number + step) % SHARED);
                    self.put(key, mark, None).await;
                }
                _ => self.count_up(&mark, step).await,
            }
            time::sleep(REST).await;
        }
        self.ledger
    }

    /// Reads a counter and writes the next number, if nobody else did.
    async fn count_up(&mut self, mark: &str, step: usize) {
        let key = format!("{COUNTER}{}", (self.number + step) % COUNTERS);
        let known = self.known(&key);
        let began = Instant::now();
        let answer = self.store.get(&key).await;
        let ended = Instant::now();
        let counted = answer.as_ref().ok().map(|record| {
            record.as_ref().map_or((0, 0), |record| {
                let value = str::from_utf8(&record.value).unwrap();
                (record.revision, count(value))
            })
        });
        self.ledger.reads.push(Read {
            key: key.clone(),
            began,
            ended,
            known,
            answer: answer.map(|record| record.map_or(0, |record| record.revision)),
        });
        if let Some((revision, count)) = counted {
            let value = format!("{} {mark}", count + 1);
            self.put(key, value, Some(revision)).await;
        }
    }

    async fn put(&mut self, key: String, value: String, expected: Option<i64>) {
        let put = Put {
            key: key.clone(),
            value: value.clone().into(),
            content_type: "text/plain".to_owned(),
            updated_by: self.number.to_string(),
            now: UNIX_EPOCH,
            expected,
        };
        let began = Instant::now();
        let answer = self.store.put(put).await;
        let ended = Instant::now();
        if let Ok(record) = &answer {
            self.learn(record);
            self.progress.send_if_modified(|last| {
                let is_later = began > *last;
                *last = began.max(*last);
                is_later
            });
        }
        self.ledger.writes.push(Write {
            key,
            value,
            expected,
            began,
            ended,
            answer,
        });
    }

    fn known(&self, key: &str) -> i64 {
        let known = self.known.lock().unwrap();
        known.get(key).copied().unwrap_or_default()
    }

    fn learn(&self, record: &Record) {
        let mut known = self.known.lock().unwrap();
        let last = known.entry(record.key.clone()).or_default();
        *last = record.revision.max(*last);
    }
}

/// The number a counter stands at.
pub(crate) fn count(value: &str) -> u64 {
    let number = value.split(' ').next();
    number.and_then(|number| number.parse().ok()).unwrap()
}
