//! What one commit does. Everything here blocks.

use prost_types::Timestamp;
use proto::records::v1::Record;
use redb::{AccessGuard, Database, Durability, ReadableTable as _, Table, WriteTransaction};

use super::{
    failure::Failure,
    layout::{LOG, Span, VERSIONS},
    read, row,
    writes::{Write, Written},
};
use crate::storage::{Delete, Put, StorageError};

/// How many revisions beyond those it adds itself a commit may forget: so the history gets shorter step by step when it is to be shorter.
const FORGET_MORE: i64 = 100;

/// What came of each write, in their order.
pub(super) type Answers = Vec<Result<Written, StorageError>>;

type Stored<'a> = (i64, AccessGuard<'a, &'static [u8]>);

/// The tables, within the transaction that becomes the commit.
struct Tables<'a> {
    versions: Table<'a, (&'static str, i64), &'static [u8]>,
    log: Table<'a, i64, &'static str>,
    span: Span,
}

/// Does all of `writes` in their order in one durable commit, or none when it fails; a write that is refused by itself does nothing.
pub(super) fn apply<'a>(
    database: &Database,
    writes: impl Iterator<Item = &'a Write>,
    history: u32,
) -> Result<Answers, Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let before = Span::before(&transaction)?;
    let mut tables = Tables::open(&transaction, before)?;
    let mut answers = Vec::new();
    for write in writes {
        answers.push(match tables.write(write) {
            Ok(written) => Ok(written),
            Err(Failure::Refused(error)) => Err(error),
            Err(failure) => return Err(failure),
        });
    }
    if tables.span == before {
        drop(tables);
        transaction.abort().map_err(redb::Error::from)?;
        return Ok(answers);
    }
    tables.forget(history, tables.span.last - before.last + FORGET_MORE)?;
    let span = tables.span;
    drop(tables);
    span.save(&transaction)?;
    transaction.commit().map_err(|error| Failure::Commit {
        error: error.into(),
        after: before.last,
    })?;
    Ok(answers)
}

// === impl Tables ===

impl<'a> Tables<'a> {
    fn open(transaction: &'a WriteTransaction, span: Span) -> Result<Self, Failure> {
        Ok(Self {
            versions: transaction.open_table(VERSIONS)?,
            log: transaction.open_table(LOG)?,
            span,
        })
    }

    fn write(&mut self, write: &Write) -> Result<Written, Failure> {
        match write {
            Write::Put(put) => self.put(put).map(Written::Put),
            Write::Delete(delete) => self.delete(delete).map(Written::Delete),
        }
    }

    fn put(&mut self, put: &Put) -> Result<Record, Failure> {
        let create_time = self
            .expected(&put.key, put.expected)?
            .and_then(|(revision, row)| {
                // Damaged or not, it is replaced as the writer asked.
                let before = row::decode(&put.key, revision, row.value()).ok().flatten();
                before?.create_time
            });
        let now = Timestamp::from(put.now);
        let record = Record {
            key: put.key.clone(),
            value: put.value.clone(),
            content_type: put.content_type.clone(),
            revision: self.next_revision()?,
            create_time: create_time.or(Some(now)),
            update_time: Some(now),
            updated_by: put.updated_by.clone(),
        };
        self.add(&put.key, &row::encode(&record))?;
        Ok(record)
    }

    fn delete(&mut self, delete: &Delete) -> Result<Option<i64>, Failure> {
        if self.expected(&delete.key, delete.expected)?.is_none() {
            return Ok(None);
        }
        let revision = self.next_revision()?;
        self.add(&delete.key, row::DELETED)?;
        Ok(Some(revision))
    }

    /// Answers the revision and the row of what is stored under the key, if it is what the writer expects.
    fn expected(&self, key: &str, expected: Option<i64>) -> Result<Option<Stored<'_>>, Failure> {
        let newest = read::newest(&self.versions, key)?
            .map(|(name, row)| (name.value().1, row))
            .filter(|(_, row)| row.value() != row::DELETED);
        let current = newest.as_ref().map_or(0, |(revision, _)| *revision);
        if expected.is_some_and(|expected| expected != current) {
            return Err(Failure::Refused(StorageError::Differs { current }));
        }
        Ok(newest)
    }

    fn next_revision(&self) -> Result<i64, Failure> {
        let next = self.span.last.checked_add(1);
        next.ok_or_else(|| redb::Error::Corrupted("no revision is left".to_owned()).into())
    }

    fn add(&mut self, key: &str, row: &[u8]) -> Result<(), Failure> {
        let revision = self.next_revision()?;
        self.versions
            .insert((key, revision), row)
            .map_err(redb::Error::from)?;
        self.log.insert(revision, key).map_err(redb::Error::from)?;
        self.span.last = revision;
        Ok(())
    }

    /// Forgets the oldest changes until `history` of them are left, but no more than `at_most`.
    ///
    /// To forget a revision is to forget what its key was before: the newest version at or before the last forgotten revision stays, unless
    /// that is a deletion.
    fn forget(&mut self, history: u32, at_most: i64) -> Result<(), Failure> {
        let until = (self.span.last - i64::from(history)).min(self.span.forgotten + at_most);
        while self.span.forgotten < until {
            let revision = self.span.forgotten + 1;
            let Some(key) = self.log.remove(revision)?.map(|key| key.value().to_owned()) else {
                return Err(redb::Error::Corrupted(format!("no change {revision}")).into());
            };
            let key = key.as_str();
            let before = match self.versions.range((key, 0)..(key, revision))?.next_back() {
                Some(row) => Some(row?.0.value().1),
                None => None,
            };
            if let Some(before) = before {
                self.versions.remove((key, before))?;
            }
            let is_deletion = self
                .versions
                .get((key, revision))?
                .is_some_and(|row| row.value() == row::DELETED);
            if is_deletion {
                self.versions.remove((key, revision))?;
            }
            self.span.forgotten = revision;
        }
        Ok(())
    }
}
