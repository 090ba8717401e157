//! Short histories of concurrent clients, each of which must be as if every operation happened at one moment within its time.

mod checker;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use data_store::{Put, Storage, StorageError};
use futures::future::join_all;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use tokio::spawn;

use self::checker::{Fact, Operation, check};
use crate::{
    place::Place,
    support::{current, delete_if, get, in_time, list, mk_listing, mk_put},
};

const CLIENTS: usize = 8;
const KEYS: [&str; 3] = ["a", "b", "c"];
/// How many operations each client asks for in one history.
const OPERATIONS: usize = 13;

/// What one client of a history does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Get,
    List,
    Put,
    /// Puts if the record is as the client last saw it.
    PutIf,
    Delete,
    /// Deletes if the record is as the client last saw it.
    DeleteIf,
}

/// One client, and what it saw.
struct Client<S> {
    store: S,
    /// Orders the beginnings and ends of all operations of a history.
    clock: Arc<AtomicU64>,
    /// The keys of this history.
    prefix: String,
    /// The revisions this client saw last, of each key.
    seen: [i64; KEYS.len()],
    operations: Vec<Operation>,
}

pub(crate) async fn concurrent_operations_happen_one_after_another<P: Place>(place: &P) {
    let store = place.open().await;
    let mut runner = TestRunner::new(Config::default());
    let steps = prop::collection::vec(mk_step(), OPERATIONS);
    let mut writes = 0;

    for history in 0..P::HISTORIES {
        let clock = Arc::default();
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let steps = steps.new_tree(&mut runner).unwrap().current();
            let client = Client {
                store: store.clone(),
                clock: Arc::clone(&clock),
                prefix: format!("{history}/"),
                seen: [0; KEYS.len()],
                operations: Vec::new(),
            };
            clients.push(spawn(client.run(steps)));
        }
        let operations = join_all(clients).await.into_iter();
        let operations: Vec<_> = operations.flat_map(Result::unwrap).collect();

        writes += operations
            .iter()
            .filter(|operation| operation.is_write())
            .count();
        if let Err(fault) = check(&operations) {
            panic!("{fault} in {operations:#?}");
        }
    }

    assert!(writes > P::HISTORIES, "some of them wrote");
}

fn mk_step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        4 => Just(Step::Get),
        1 => Just(Step::List),
        3 => Just(Step::Put),
        3 => Just(Step::PutIf),
        1 => Just(Step::Delete),
        1 => Just(Step::DeleteIf),
    ];
    (0..KEYS.len(), step)
}

// === impl Client ===

impl<S: Storage> Client<S> {
    async fn run(mut self, steps: Vec<(usize, Step)>) -> Vec<Operation> {
        for (key, step) in steps {
            let began = self.now();
            let fact = self.step(key, step).await;
            let ended = self.now();
            self.operations.push(Operation { began, ended, fact });
        }
        self.operations
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    async fn step(&mut self, key: usize, step: Step) -> Fact {
        let name = format!("{}{}", self.prefix, KEYS[key]);
        match step {
            Step::Get => {
                let found = get(&self.store, &name).await;
                self.seen[key] = found.map_or(0, |record| record.revision);
                Fact::read(key, self.seen[key])
            }
            Step::List => {
                let page = list(&self.store, mk_listing(&self.prefix)).await;
                let mut found = vec![0; KEYS.len()];
                for record in page.records {
                    let suffix = &record.key[self.prefix.len()..];
                    let key = KEYS.iter().position(|key| *key == suffix).unwrap();
                    found[key] = record.revision;
                }
                Fact::Read {
                    at: Some(page.revision),
                    found: found.into_iter().enumerate().collect(),
                }
            }
            Step::Put => self.put(key, &name, None).await,
            Step::PutIf => self.put(key, &name, Some(self.seen[key])).await,
            Step::Delete => self.delete(key, &name, None).await,
            Step::DeleteIf => self.delete(key, &name, Some(self.seen[key])).await,
        }
    }

    async fn put(&mut self, key: usize, name: &str, expected: Option<i64>) -> Fact {
        let put = Put {
            expected,
            ..mk_put(name, "")
        };
        match in_time(self.store.put(put)).await {
            Ok(record) => {
                self.seen[key] = record.revision;
                Fact::Put {
                    key,
                    revision: record.revision,
                    replaced: expected,
                }
            }
            refused => self.refused(key, refused.map(drop)),
        }
    }

    async fn delete(&mut self, key: usize, name: &str, expected: Option<i64>) -> Fact {
        match delete_if(&self.store, name, expected).await {
            Ok(Some(revision)) => {
                self.seen[key] = 0;
                Fact::Delete {
                    key,
                    revision,
                    replaced: expected,
                }
            }
            Ok(None) => {
                self.seen[key] = 0;
                Fact::read(key, 0)
            }
            refused => self.refused(key, refused.map(drop)),
        }
    }

    /// A refusal tells what is there, as a read does.
    fn refused(&mut self, key: usize, outcome: Result<(), StorageError>) -> Fact {
        self.seen[key] = current(outcome);
        Fact::read(key, self.seen[key])
    }
}
