use redb::{Database, ReadableDatabase, TableDefinition};

use super::OpenProblem;

/// The version of the layout that the docs of the parent module describe.
const VERSION: i64 = 1;
const FORMAT: &str = "format";
/// The row of [`META`] with the revision of the last write; it outlives every record.
pub(super) const REVISION: &str = "revision";
pub(super) const META: TableDefinition<'static, &str, i64> = TableDefinition::new("meta");
pub(super) const RECORDS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("records");

/// Lays out an empty database; refuses one whose layout is not ours, before anything is written to it.
pub(super) fn prepare(database: &Database) -> Result<(), OpenProblem> {
    if is_empty(database)? {
        lay_out(database)?;
        return Ok(());
    }
    let found = version_of(database).map_err(|error| match error {
        redb::Error::TableDoesNotExist(_) => OpenProblem::Foreign,
        other => OpenProblem::from(other),
    })?;
    match found {
        Some(VERSION) => Ok(()),
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

fn lay_out(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(RECORDS)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT, VERSION)?;
        meta.insert(REVISION, 0)?;
    }
    transaction.commit()?;
    Ok(())
}

fn version_of(database: &Database) -> Result<Option<i64>, redb::Error> {
    let transaction = database.begin_read()?;
    let meta = transaction.open_table(META)?;
    let found = meta.get(FORMAT)?.map(|row| row.value());
    if found == Some(VERSION) {
        transaction.open_table(RECORDS)?;
    }
    Ok(found)
}
