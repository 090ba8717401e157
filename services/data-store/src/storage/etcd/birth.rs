//! When records came to be, as far as it is remembered.

use std::hash::{BuildHasher as _, RandomState};

use prost::Message as _;
use prost_types::Timestamp;
use proto::{etcd::KeyValue, records::v1::Record};
use quick_cache::sync::Cache;

/// How many are remembered: about 3 MiB of them.
const REMEMBERED: usize = 32 * 1024;

/// When a record came to be. It is the same for as long as the record is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    /// The revision; 0 when there is no record.
    pub(super) revision: i64,
    /// The time, by the clock of whoever wrote it; nothing when there is no record, or a damaged one.
    pub(super) time: Option<Timestamp>,
}

/// Births that were seen lately. What they say is a guess: others write, too. etcd is told to write only if the guess was right.
#[derive(Debug)]
pub(super) struct Births {
    cache: Cache<u64, Birth>,
    /// Keys are remembered by a number, as their names may be long.
    hasher: RandomState,
}

// === impl Birth ===

impl Birth {
    /// That of a record that is not there.
    pub(super) const NONE: Self = Self {
        revision: 0,
        time: None,
    };

    /// That of what is stored under a key.
    pub(super) fn of(row: Option<&KeyValue>) -> Self {
        row.map_or(Self::NONE, |row| Self {
            revision: row.create_revision,
            // Damaged or not, it is replaced as the writer asks.
            time: Record::decode(row.value.clone())
                .ok()
                .and_then(|record| record.create_time),
        })
    }
}

// === impl Births ===

impl Births {
    pub(super) fn new() -> Self {
        Self {
            cache: Cache::new(REMEMBERED),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Birth> {
        self.cache.get(&self.hasher.hash_one(name))
    }

    pub(super) fn insert(&self, name: &str, birth: Birth) {
        self.cache.insert(self.hasher.hash_one(name), birth);
    }

    pub(super) fn remove(&self, name: &str) {
        self.cache.remove(&self.hasher.hash_one(name));
    }
}
