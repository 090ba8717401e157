//! The tables of the file, and its version.
//!
//! `versions` holds every version of every record that is remembered, under key and revision: the newest at or before the last forgotten
//! revision, and all since. `log` says which key each remembered revision changed. `meta` holds three numbers: `format`, the version of
//! this layout; `revision`, that of the last write; `forgotten`, the last one that is not remembered.

mod version_1;

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

use super::failure::Failure;
use crate::storage::{OpenProblem, StorageError};

/// The version of this layout.
const VERSION: i64 = 2;

const FORMAT: &str = "format";
const REVISION: &str = "revision";
const FORGOTTEN: &str = "forgotten";

const META: TableDefinition<'static, &str, i64> = TableDefinition::new("meta");
pub(super) const LOG: TableDefinition<'static, i64, &str> = TableDefinition::new("log");
pub(super) const VERSIONS: TableDefinition<'static, (&str, i64), &[u8]> =
    TableDefinition::new("versions");

/// The revisions that a database remembers: those after `forgotten`, up to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) forgotten: i64,
    pub(super) last: i64,
}

/// Lays out an empty database and brings an older one up to date; refuses one whose layout is not ours, before anything is written to it.
pub(super) fn prepare(database: &Database) -> Result<(), OpenProblem> {
    if is_empty(database)? {
        return Ok(lay_out(database, Span::NOTHING)?);
    }
    let found = version_of(database).map_err(|error| match error {
        redb::Error::TableDoesNotExist(_) => OpenProblem::Foreign,
        other => OpenProblem::from(other),
    })?;
    match found {
        Some(VERSION) => Ok(()),
        Some(version_1::VERSION) => Ok(version_1::migrate(database)?),
        Some(found) => Err(OpenProblem::UnknownFormat {
            found,
            known: VERSION,
        }),
        None => Err(OpenProblem::Foreign),
    }
}

fn is_empty(database: &Database) -> Result<bool, redb::Error> {
    let transaction = database.begin_read()?;
    let tables = transaction.list_tables()?.count();
    Ok(tables + transaction.list_multimap_tables()?.count() == 0)
}

fn lay_out(database: &Database, span: Span) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(VERSIONS)?;
    transaction.open_table(LOG)?;
    transaction.open_table(META)?.insert(FORMAT, VERSION)?;
    span.save(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn version_of(database: &Database) -> Result<Option<i64>, redb::Error> {
    let transaction = database.begin_read()?;
    let meta = transaction.open_table(META)?;
    let found = meta.get(FORMAT)?.map(|row| row.value());
    if found == Some(VERSION) {
        transaction.open_table(VERSIONS)?;
        transaction.open_table(LOG)?;
    }
    Ok(found)
}

// === impl Span ===

impl Span {
    const NOTHING: Self = Self {
        forgotten: 0,
        last: 0,
    };

    /// That of the last commit.
    pub(super) fn of(database: &Database) -> Result<Self, Failure> {
        Self::within(&database.begin_read()?)
    }

    /// That of the commit which a snapshot shows.
    pub(super) fn within(transaction: &ReadTransaction) -> Result<Self, Failure> {
        Self::load(&transaction.open_table(META)?)
    }

    /// That of the last commit, within the transaction that makes the next one.
    pub(super) fn before(transaction: &WriteTransaction) -> Result<Self, Failure> {
        Self::load(&transaction.open_table(META)?)
    }

    pub(super) fn save(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut meta = transaction.open_table(META)?;
        meta.insert(REVISION, self.last)?;
        meta.insert(FORGOTTEN, self.forgotten)?;
        Ok(())
    }

    /// Checks that the store can tell what it was like at `revision`.
    pub(super) fn check_remembers(&self, revision: i64) -> Result<(), Failure> {
        if revision > self.last {
            return Err(Failure::Refused(StorageError::Ahead { last: self.last }));
        }
        if revision < self.forgotten {
            let oldest = self.forgotten + 1;
            return Err(Failure::Refused(StorageError::HistoryGone { oldest }));
        }
        Ok(())
    }

    fn load(meta: &impl ReadableTable<&'static str, i64>) -> Result<Self, Failure> {
        let number = |name: &'static str| {
            let row = meta.get(name)?.map(|row| row.value());
            row.ok_or_else(|| redb::Error::Corrupted(format!("the number `{name}` is gone")))
        };
        Ok(Self {
            forgotten: number(FORGOTTEN)?,
            last: number(REVISION)?,
        })
    }
}
