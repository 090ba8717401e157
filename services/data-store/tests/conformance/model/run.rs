use std::collections::VecDeque;

use data_store::{Delete, Event, Listing, Page, PageLimits, Put, Storage, StorageError};
use proptest::{prelude::TestCaseError, prop_assert, prop_assert_eq, test_runner::TestCaseResult};
use proto::records::v1::Record;

use super::{
    operation::{Expected, Operation},
    reference::Reference,
};
use crate::{
    place::Place,
    support::{Follower, WHOLE, at, get, in_time, last, mk_listing, mk_next, mk_put},
};

/// A key that every prefix that is watched fits, but for those that tell nothing.
const END: &str = "a/~";

/// One sequence under way.
pub(super) struct Run {
    /// What all its keys begin with.
    keys: String,
    reference: Reference,
    /// The lists that have another page: how to ask for it, and what should be on it and on those to come.
    lists: VecDeque<(Listing, VecDeque<Record>)>,
    watches: Vec<Watch>,
    /// Seconds since the epoch, one for each write.
    now: u64,
}

/// A watch that was begun, of which nothing was read yet.
struct Watch {
    follower: Follower,
    prefix: String,
    start: i64,
}

// === impl Run ===

impl Run {
    pub(super) async fn begin(store: &impl Storage, keys: &str) -> Self {
        Self {
            keys: keys.to_owned(),
            reference: Reference::new(last(store).await),
            lists: VecDeque::new(),
            watches: Vec::new(),
            now: 0,
        }
    }

    /// Does all of them and reads what is still to be told and listed.
    pub(super) async fn all<P: Place>(
        mut self,
        place: &P,
        mut store: P::Store,
        operations: &[Operation],
    ) -> TestCaseResult {
        for operation in operations {
            if matches!(operation, Operation::Reopen) {
                self.end_watches(&store).await?;
                store = place.reopen(store).await;
            } else {
                self.one(&store, operation).await?;
            }
        }
        while !self.lists.is_empty() {
            self.turn(&store).await?;
        }
        self.end_watches(&store).await
    }

    async fn one(&mut self, store: &impl Storage, operation: &Operation) -> TestCaseResult {
        match *operation {
            Operation::Put {
                key,
                length,
                expected,
            } => self.put(store, key, length, expected).await,
            Operation::Delete { key, expected } => self.delete(store, key, expected).await,
            Operation::Get { key } => {
                let key = self.key(key);
                prop_assert_eq!(get(store, &key).await, self.reference.current(&key));
                Ok(())
            }
            Operation::List {
                prefix,
                records,
                at,
            } => {
                let listing = Listing {
                    at: self.reference.revision(at),
                    limits: PageLimits { records, ..WHOLE },
                    ..mk_listing(&self.key(prefix))
                };
                let shown = listing.at.unwrap_or_else(|| self.reference.last());
                let expected = self.reference.records(shown, &listing.prefix);
                self.lists
                    .push_front((listing, expected.into_values().collect()));
                self.turn(store).await
            }
            Operation::Turn => self.turn(store).await,
            Operation::Watch { prefix, from } => {
                let prefix = self.key(prefix);
                let told = self.reference.revision(from);
                let start = told.map_or(0, |told| told + 1);
                let follower = Follower::begin_unread(store, &prefix, start).await;
                let start = start.max(told.unwrap_or_else(|| self.reference.last()) + 1);
                self.watches.push(Watch {
                    follower,
                    prefix,
                    start,
                });
                Ok(())
            }
            Operation::Reopen => unreachable!("a store must be reopened by who owns it"),
        }
    }

    async fn put(
        &mut self,
        store: &impl Storage,
        key: &str,
        length: usize,
        expected: Expected,
    ) -> TestCaseResult {
        self.now += 1;
        let put = Put {
            now: at(self.now),
            updated_by: format!("writer {}", self.now),
            expected: self.reference.expected(&self.key(key), expected),
            ..mk_put(&self.key(key), vec![b'x'; length])
        };

        let outcome = in_time(store.put(put.clone())).await;

        let Some((record, before)) = self.happened(&put.key, put.expected, outcome)? else {
            return Ok(());
        };
        let expected = Record {
            create_time: before.map_or_else(|| Some(put.now.into()), |before| before.create_time),
            key: put.key,
            value: put.value,
            content_type: put.content_type,
            revision: record.revision,
            update_time: Some(put.now.into()),
            updated_by: put.updated_by,
        };
        prop_assert_eq!(&record, &expected);
        prop_assert!(record.revision > self.reference.last());
        self.reference.add(Event::Put(record));
        Ok(())
    }

    async fn delete(
        &mut self,
        store: &impl Storage,
        key: &str,
        expected: Expected,
    ) -> TestCaseResult {
        let key = self.key(key);
        let expected = self.reference.expected(&key, expected);
        let delete = Delete {
            key: key.clone(),
            expected,
        };

        let outcome = in_time(store.delete(delete)).await;

        let Some((deleted, before)) = self.happened(&key, expected, outcome)? else {
            return Ok(());
        };
        prop_assert_eq!(deleted.is_some(), before.is_some());
        if let Some(revision) = deleted {
            prop_assert!(revision > self.reference.last());
            self.reference.add(Event::Delete { key, revision });
        }
        Ok(())
    }

    /// What a write that happened answered and what was there before; nothing when it was refused as it should be.
    fn happened<T>(
        &self,
        key: &str,
        expected: Option<i64>,
        outcome: Result<T, StorageError>,
    ) -> Result<Option<(T, Option<Record>)>, TestCaseError> {
        let before = self.reference.current(key);
        let there = before.as_ref().map_or(0, |record| record.revision);
        let fits = expected.is_none_or(|expected| expected == there);
        match outcome {
            Ok(answer) if fits => Ok(Some((answer, before))),
            Err(StorageError::Differs { current }) if !fits && current == there => Ok(None),
            Ok(_) => Err(TestCaseError::fail(format!(
                "{key} is at {there}, yet it was written"
            ))),
            Err(error) => Err(TestCaseError::fail(format!(
                "{key} is at {there}: {error:?}"
            ))),
        }
    }

    /// Reads a page of the list that comes first, if there is one.
    async fn turn(&mut self, store: &impl Storage) -> TestCaseResult {
        let Some((listing, mut expected)) = self.lists.pop_front() else {
            return Ok(());
        };

        let page: Page = in_time(store.list(listing.clone()))
            .await
            .map_err(|error| fail(&error))?;

        let shown = expected.drain(..expected.len().min(listing.limits.records));
        prop_assert_eq!(&page.records, &shown.collect::<Vec<_>>());
        prop_assert_eq!(page.has_more, !expected.is_empty());
        match listing.at {
            Some(at) => prop_assert_eq!(page.revision, at),
            None => prop_assert!(page.revision >= self.reference.last()),
        }
        if page.has_more {
            self.lists.push_back((mk_next(&listing, &page), expected));
        }
        Ok(())
    }

    /// Makes a last change and reads every watch up to it.
    async fn end_watches(&mut self, store: &impl Storage) -> TestCaseResult {
        self.put(store, END, 0, Expected::Anything).await?;
        for mut watch in std::mem::take(&mut self.watches) {
            let expected = self.reference.since(watch.start, &watch.prefix);
            let Some(end) = expected.last() else {
                continue;
            };
            let told = watch.follower.up_to(end.revision()).await;
            prop_assert_eq!(told, expected, "of {} from {}", watch.prefix, watch.start);
        }
        Ok(())
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.keys)
    }
}

fn fail(error: &StorageError) -> TestCaseError {
    TestCaseError::fail(format!("{error:?}"))
}
