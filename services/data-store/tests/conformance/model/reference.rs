use std::collections::BTreeMap;

use data_store::Event;
use proto::records::v1::Record;

use super::operation::{Expected, Moment};

/// What a store is: the changes that were made, in order.
#[derive(Debug)]
pub(super) struct Reference {
    /// The revision of the store before the first of them.
    begin: i64,
    changes: Vec<Event>,
}

// === impl Reference ===

impl Reference {
    pub(super) fn new(begin: i64) -> Self {
        let changes = Vec::new();
        Self { begin, changes }
    }

    pub(super) fn add(&mut self, change: Event) {
        self.changes.push(change);
    }

    /// The revision of the last change.
    pub(super) fn last(&self) -> i64 {
        self.changes.last().map_or(self.begin, Event::revision)
    }

    /// The record under `key` now.
    pub(super) fn current(&self, key: &str) -> Option<Record> {
        self.records(self.last(), key).remove(key)
    }

    /// The records whose keys start with `prefix`, as they were at `revision`.
    pub(super) fn records(&self, revision: i64, prefix: &str) -> BTreeMap<String, Record> {
        let mut records = BTreeMap::new();
        for change in self
            .changes
            .iter()
            .filter(|change| change.revision() <= revision)
        {
            match change {
                Event::Put(record) => drop(records.insert(record.key.clone(), record.clone())),
                Event::Delete { key, .. } => drop(records.remove(key)),
                Event::Bookmark { .. } => unreachable!("a bookmark must be no change"),
            }
        }
        records.retain(|key, _| key.starts_with(prefix));
        records
    }

    /// The changes from the revision `start` on, of keys that start with `prefix`.
    pub(super) fn since(&self, start: i64, prefix: &str) -> Vec<Event> {
        let fits =
            |change: &&Event| change.revision() >= start && key_of(change).starts_with(prefix);
        self.changes.iter().filter(fits).cloned().collect()
    }

    /// The revision at `moment`; nothing is the present, whatever that is to the store.
    pub(super) fn revision(&self, moment: Moment) -> Option<i64> {
        let ago = moment?;
        let change = self.changes.iter().nth_back(ago);
        Some(change.map_or(self.begin, Event::revision))
    }

    /// What a write to `key` that expects this says so with.
    pub(super) fn expected(&self, key: &str, expected: Expected) -> Option<i64> {
        match expected {
            Expected::Anything => None,
            Expected::Nothing => Some(0),
            Expected::Current => Some(self.current(key).map_or(0, |record| record.revision)),
            Expected::Earlier(ago) => self.revision(Some(ago)),
            Expected::Future => Some(self.last() + 1_000_000),
        }
    }
}

fn key_of(change: &Event) -> &str {
    match change {
        Event::Put(record) => &record.key,
        Event::Delete { key, .. } => key,
        Event::Bookmark { .. } => unreachable!("a bookmark must be no change"),
    }
}
