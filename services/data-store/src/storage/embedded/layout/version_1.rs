//! The layout before there was a history: one row in `records` for each record, which holds its revision.

use prost::Message;
use proto::records::v1::Record;
use redb::{Database, ReadableTable, TableDefinition};

use super::{FORMAT, META, REVISION, Span, VERSIONS};
use crate::storage::embedded::row;

pub(super) const VERSION: i64 = 1;

const RECORDS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("records");

/// Brings every record over, in one commit. What was before them is not remembered.
pub(super) fn migrate(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let records = transaction.open_table(RECORDS)?;
        let mut versions = transaction.open_table(VERSIONS)?;
        for stored in records.iter()? {
            let (key, value) = stored?;
            let record = Record::decode(value.value()).map_err(|error| {
                redb::Error::Corrupted(format!("a record does not decode: {error}"))
            })?;
            let record = Record {
                key: key.value().to_owned(),
                ..record
            };
            versions.insert(
                (record.key.as_str(), record.revision),
                row::encode(&record).as_slice(),
            )?;
        }
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT, super::VERSION)?;
    }
    let last = transaction
        .open_table(META)?
        .get(REVISION)?
        .map(|row| row.value())
        .ok_or_else(|| redb::Error::Corrupted("the revision is gone".to_owned()))?;
    Span {
        forgotten: last,
        last,
    }
    .save(&transaction)?;
    transaction.open_table(super::LOG)?;
    transaction.delete_table(RECORDS)?;
    transaction.commit()?;
    Ok(())
}
