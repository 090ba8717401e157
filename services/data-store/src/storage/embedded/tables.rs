//! What one transaction reads and writes. Everything here blocks.

use std::{ops::Bound, time::SystemTime};

use bytes::Bytes;
use prost::Message;
use prost_types::Timestamp;
use proto::records::v1::Record;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, Table, WriteTransaction};

use super::{
    Page, PageLimits,
    format::{META, RECORDS, REVISION},
    page::PageBuilder,
};

/// What a write says; the rest of the record is the store's to say.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) key: String,
    pub(super) value: Bytes,
    pub(super) content_type: String,
    pub(super) updated_by: String,
    pub(super) now: SystemTime,
}

pub(super) fn get(database: &Database, key: &str) -> Result<Option<Record>, redb::Error> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    records
        .get(key)?
        .map(|row| decode(key, row.value()))
        .transpose()
}

pub(super) fn list(
    database: &Database,
    prefix: &str,
    after: Option<&str>,
    limits: PageLimits,
) -> Result<Page, redb::Error> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    let start = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        Some(_) | None => Bound::Included(prefix),
    };
    let mut page = PageBuilder::new(limits);
    for row in records.range::<&str>((start, Bound::Unbounded))? {
        let (key, value) = row?;
        let key = key.value();
        if !key.starts_with(prefix) || !page.add(decode(key, value.value())?) {
            break;
        }
    }
    Ok(page.finish())
}

pub(super) fn put(database: &Database, write: Write) -> Result<Record, redb::Error> {
    let transaction = begin_write(database)?;
    let record = {
        let mut records = transaction.open_table(RECORDS)?;
        let now = Timestamp::from(write.now);
        let create_time = created(&records, &write.key)?.unwrap_or(now);
        let stored = Record {
            key: String::new(),
            value: write.value,
            content_type: write.content_type,
            revision: next_revision(&transaction)?,
            create_time: Some(create_time),
            update_time: Some(now),
            updated_by: write.updated_by,
        };
        records.insert(write.key.as_str(), stored.encode_to_vec().as_slice())?;
        Record {
            key: write.key,
            ..stored
        }
    };
    transaction.commit()?;
    Ok(record)
}

/// Answers the revision of the deletion, or nothing when there was no record; then nothing is written and no revision taken.
pub(super) fn delete(database: &Database, key: &str) -> Result<Option<i64>, redb::Error> {
    let transaction = begin_write(database)?;
    let removed = transaction.open_table(RECORDS)?.remove(key)?.is_some();
    if !removed {
        transaction.abort()?;
        return Ok(None);
    }
    let revision = next_revision(&transaction)?;
    transaction.commit()?;
    Ok(Some(revision))
}

fn begin_write(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    Ok(transaction)
}

fn next_revision(transaction: &WriteTransaction) -> Result<i64, redb::Error> {
    let mut meta = transaction.open_table(META)?;
    let last = meta.get(REVISION)?.map(|row| row.value());
    let next = last
        .and_then(|last| last.checked_add(1))
        .ok_or_else(|| redb::Error::Corrupted(format!("no revision comes after {last:?}")))?;
    meta.insert(REVISION, next)?;
    Ok(next)
}

fn created(
    records: &Table<'_, &'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<Timestamp>, redb::Error> {
    let previous = records
        .get(key)?
        .map(|row| decode(key, row.value()))
        .transpose()?;
    Ok(previous.and_then(|record| record.create_time))
}

fn decode(key: &str, stored: &[u8]) -> Result<Record, redb::Error> {
    let record = Record::decode(stored)
        .map_err(|error| redb::Error::Corrupted(format!("a record does not decode: {error}")))?;
    Ok(Record {
        key: key.to_owned(),
        ..record
    })
}
