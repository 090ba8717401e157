//! A record as etcd keeps it: the protobuf message `records.v1.Record` without its `key` and `revision`, which etcd knows.

use std::error::Error;

use bytes::Bytes;
use prost::Message as _;
use proto::{etcd::KeyValue, records::v1::Record};

use super::keys::Keys;
use crate::storage::StorageError;

pub(super) fn encode(record: &Record) -> Bytes {
    let row = Record {
        key: String::new(),
        revision: 0,
        ..record.clone()
    };
    row.encode_to_vec().into()
}

pub(super) fn decode(keys: &Keys, row: KeyValue) -> Result<Record, StorageError> {
    let key = keys.name(&row.key).map_err(damaged)?;
    let record = Record::decode(row.value).map_err(damaged)?;
    Ok(Record {
        key,
        revision: row.mod_revision,
        ..record
    })
}

pub(super) fn damaged(error: impl Error + Send + Sync + 'static) -> StorageError {
    let cause: Box<dyn Error + Send + Sync> = Box::new(error);
    StorageError::Damaged(cause.into())
}
