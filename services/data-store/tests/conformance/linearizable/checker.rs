//! Tells whether operations, each of which took some time, can have happened one after another.
//!
//! Revisions say in which order the writes did, so nothing is searched for: the writes are put in that order, and each read at the
//! earliest place there where it fits, the reads before it in time being placed already. A read that finds no place, or a write that is
//! not at its own, is a fault.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Bound,
};

/// One operation. Beginnings and ends are numbered through, whoever's they are.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) fact: Fact,
}

/// What an operation came to. A revision of 0 is that of nothing.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    Put {
        key: usize,
        revision: i64,
        /// What it said it replaced, if it said so.
        replaced: Option<i64>,
    },
    Delete {
        key: usize,
        revision: i64,
        /// What it said it deleted, if it said so.
        replaced: Option<i64>,
    },
    /// The revisions under keys, all at one moment.
    Read {
        /// That moment, if it was told.
        at: Option<i64>,
        found: Vec<(usize, i64)>,
    },
}

/// Why operations cannot have happened one after another.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("revision {0} was taken twice")]
    TakenTwice(i64),
    #[error("revision {0} was taken by a write that began after a later one had ended")]
    OutOfOrder(i64),
    #[error("the write at revision {0} did not replace what was there")]
    LostUpdate(i64),
    #[error("a read that began at {0} fits no moment of its time")]
    Misread(u64),
}

/// The writes in the order of their revisions.
struct Writes<'a>(BTreeMap<i64, &'a Operation>);

/// Finds the first fault in what clients saw of a store that was empty before.
pub(super) fn check(operations: &[Operation]) -> Result<(), Fault> {
    let writes = Writes::collect(operations)?;
    writes.check_order()?;
    writes.check_replaced()?;
    writes.place_reads(operations)
}

// === impl Operation ===

impl Operation {
    pub(super) fn is_write(&self) -> bool {
        self.revision().is_some()
    }

    fn revision(&self) -> Option<i64> {
        match self.fact {
            Fact::Put { revision, .. } | Fact::Delete { revision, .. } => Some(revision),
            Fact::Read { .. } => None,
        }
    }

    /// What is under `key` after this, if this wrote it.
    fn left(&self, key: usize) -> Option<i64> {
        match self.fact {
            Fact::Put {
                key: at, revision, ..
            } => (at == key).then_some(revision),
            Fact::Delete { key: at, .. } => (at == key).then_some(0),
            Fact::Read { .. } => None,
        }
    }
}

// === impl Fact ===

impl Fact {
    /// A read of one key.
    pub(super) fn read(key: usize, revision: i64) -> Self {
        Self::Read {
            at: None,
            found: vec![(key, revision)],
        }
    }
}

// === impl Writes ===

impl<'a> Writes<'a> {
    fn collect(operations: &'a [Operation]) -> Result<Self, Fault> {
        let mut writes = BTreeMap::new();
        for operation in operations {
            let Some(revision) = operation.revision() else {
                continue;
            };
            match writes.entry(revision) {
                Entry::Vacant(place) => drop(place.insert(operation)),
                Entry::Occupied(_) => return Err(Fault::TakenTwice(revision)),
            }
        }
        Ok(Self(writes))
    }

    /// A write that ended before another began comes before it.
    fn check_order(&self) -> Result<(), Fault> {
        let mut latest_beginning = 0;
        for (&revision, write) in &self.0 {
            if write.ended < latest_beginning {
                return Err(Fault::OutOfOrder(revision));
            }
            latest_beginning = latest_beginning.max(write.began);
        }
        Ok(())
    }

    /// A write that said what it replaced did, and what was deleted had been there.
    fn check_replaced(&self) -> Result<(), Fault> {
        for (&revision, write) in &self.0 {
            let (key, replaced, deletes) = match write.fact {
                Fact::Put { key, replaced, .. } => (key, replaced, false),
                Fact::Delete { key, replaced, .. } => (key, replaced, true),
                Fact::Read { .. } => continue,
            };
            let there = self.found(key, revision - 1);
            if replaced.is_some_and(|said| said != there) || (deletes && there == 0) {
                return Err(Fault::LostUpdate(revision));
            }
        }
        Ok(())
    }

    /// Each read fits after what ended before it began, and before what began after it ended.
    fn place_reads(&self, operations: &[Operation]) -> Result<(), Fault> {
        let reads = operations.iter().filter(|operation| !operation.is_write());
        let mut reads: Vec<_> = reads.collect();
        reads.sort_by_key(|read| read.began);
        let mut placed: Vec<(u64, i64)> = Vec::new();
        for read in reads {
            let Fact::Read { at, ref found } = read.fact else {
                continue;
            };
            let written = |(&revision, write): (&i64, &&Operation)| (write.ended, revision);
            let before = self.0.iter().map(written).chain(placed.iter().copied());
            let before = before.filter(|(ended, _)| *ended < read.began);
            let earliest = before.map(|(_, place)| place).max().unwrap_or(0);
            let after = self.0.iter().find(|(_, write)| write.began > read.ended);
            let latest = after.map_or(i64::MAX, |(revision, _)| revision - 1);

            let later = self.0.range((Bound::Excluded(earliest), Bound::Unbounded));
            let places = std::iter::once(earliest).chain(later.map(|(revision, _)| *revision));
            let mut places = places
                .chain(at)
                .filter(|place| *place <= latest && *place >= earliest);
            let fits = |place: &i64| {
                at.is_none_or(|at| at == *place)
                    && found
                        .iter()
                        .all(|(key, seen)| self.found(*key, *place) == *seen)
            };
            let place = places.find(fits).ok_or(Fault::Misread(read.began))?;
            placed.push((read.ended, place));
        }
        Ok(())
    }

    /// What is under `key` after every write up to `revision`.
    fn found(&self, key: usize, revision: i64) -> i64 {
        let writes = self.0.range(..=revision).rev();
        writes
            .flat_map(|(_, write)| write.left(key))
            .next()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
