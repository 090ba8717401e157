//! Writes: each is one transaction of etcd's, which does nothing when what it builds on is not there.

use bytes::Bytes;
use prost_types::Timestamp;
use proto::{
    etcd::{
        Compare, DeleteRangeRequest, KeyValue, PutRequest, RangeRequest, RequestOp, TxnRequest,
        TxnResponse,
        compare::{CompareTarget, TargetUnion},
        request_op::Request,
        response_op::Response,
    },
    records::v1::Record,
};
use tokio::time::Instant;

use super::{
    Inner,
    birth::Birth,
    client,
    fault::{Fault, Kind},
    revision, row,
};
use crate::storage::{Delete, Put, StorageError};

/// Rounds a put may take. One is enough, unless the record is deleted and written anew by others meanwhile.
const ROUNDS: usize = 16;

#[derive(Debug, thiserror::Error)]
#[error("others delete and write the record all the time")]
struct Contended;

// === impl Inner ===

impl Inner {
    /// Writes a record on the condition that it came to be when we think it did, as that goes into its value.
    ///
    /// What is compared is the birth and not the last write: so those who overwrite one record at once don't get in each other's way.
    pub(super) async fn write(&self, put: Put) -> Result<Record, StorageError> {
        // One for all of it: whoever waits does not know how many calls it takes.
        let deadline = client::deadline();
        let key = self.keys.key(&put.key);
        let mut birth = match self.births.get(&put.key) {
            Some(birth) => birth,
            // To guess wrong costs one more transaction, once. To look first would cost every new record a third of its speed or more.
            None if put.expected.is_none_or(|expected| expected == 0) => Birth::NONE,
            None => self.look(deadline, &key).await?,
        };
        for _ in 0..ROUNDS {
            let record = mk_record(&put, birth);
            let mut compare = vec![born(&key, birth.revision)];
            compare.extend(put.expected.map(|expected| written(&key, expected)));
            let request = TxnRequest {
                compare,
                success: vec![op(Request::RequestPut(PutRequest {
                    key: key.clone(),
                    value: row::encode(&record),
                }))],
                failure: vec![op(Request::RequestRange(one(&key)))],
            };
            let answer = self.client.txn(deadline, request).await?;
            let at = revision(answer.header.as_ref());
            if answer.succeeded {
                let birth = Birth {
                    revision: if birth.revision == 0 {
                        at
                    } else {
                        birth.revision
                    },
                    time: record.create_time,
                };
                self.births.insert(&put.key, birth);
                return Ok(Record {
                    revision: at,
                    ..record
                });
            }
            let found = found(answer);
            let current = found.as_ref().map_or(0, |row| row.mod_revision);
            birth = Birth::of(found.as_ref());
            self.births.insert(&put.key, birth);
            if put.expected.is_some_and(|expected| expected != current) {
                return Err(StorageError::Differs { current });
            }
        }
        Err(Fault::new(Kind::Refused, Contended).into())
    }

    /// Deletes a record, if it is the expected one.
    pub(super) async fn erase(&self, delete: Delete) -> Result<Option<i64>, StorageError> {
        let key = self.keys.key(&delete.key);
        self.births.remove(&delete.key);
        match delete.expected {
            None => {
                let request = DeleteRangeRequest {
                    key,
                    range_end: Bytes::new(),
                };
                let answer = self.client.delete_range(request).await?;
                Ok((answer.deleted > 0).then(|| revision(answer.header.as_ref())))
            }
            Some(0) => {
                let request = RangeRequest {
                    keys_only: true,
                    ..one(&key)
                };
                match self.client.range(request).await?.kvs.first() {
                    Some(row) => Err(StorageError::Differs {
                        current: row.mod_revision,
                    }),
                    None => Ok(None),
                }
            }
            Some(expected) => self.erase_at(key, expected).await.map(Some),
        }
    }

    async fn erase_at(&self, key: Bytes, expected: i64) -> Result<i64, StorageError> {
        let request = TxnRequest {
            compare: vec![written(&key, expected)],
            failure: vec![op(Request::RequestRange(RangeRequest {
                keys_only: true,
                ..one(&key)
            }))],
            success: vec![op(Request::RequestDeleteRange(DeleteRangeRequest {
                key,
                range_end: Bytes::new(),
            }))],
        };
        let answer = self.client.txn(client::deadline(), request).await?;
        if answer.succeeded {
            return Ok(revision(answer.header.as_ref()));
        }
        let current = found(answer).map_or(0, |row| row.mod_revision);
        Err(StorageError::Differs { current })
    }

    /// Asks the member alone when a record came to be; it may know an old answer, and the transaction will tell.
    async fn look(&self, deadline: Instant, key: &Bytes) -> Result<Birth, StorageError> {
        let request = RangeRequest {
            serializable: true,
            ..one(key)
        };
        let answer = self.client.range_before(deadline, request).await?;
        Ok(Birth::of(answer.kvs.first()))
    }
}

fn mk_record(put: &Put, birth: Birth) -> Record {
    let now = Timestamp::from(put.now);
    Record {
        key: put.key.clone(),
        value: put.value.clone(),
        content_type: put.content_type.clone(),
        // etcd says it.
        revision: 0,
        create_time: birth.time.or(Some(now)),
        update_time: Some(now),
        updated_by: put.updated_by.clone(),
    }
}

/// That a key came to be at a revision.
fn born(key: &Bytes, revision: i64) -> Compare {
    Compare {
        target: CompareTarget::Create.into(),
        key: key.clone(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
        ..Compare::default()
    }
}

/// That a key was last written at a revision.
fn written(key: &Bytes, revision: i64) -> Compare {
    Compare {
        target: CompareTarget::Mod.into(),
        key: key.clone(),
        target_union: Some(TargetUnion::ModRevision(revision)),
        ..Compare::default()
    }
}

fn one(key: &Bytes) -> RangeRequest {
    RangeRequest {
        key: key.clone(),
        ..RangeRequest::default()
    }
}

fn op(request: Request) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

/// What was read by a transaction that read one key.
fn found(answer: TxnResponse) -> Option<KeyValue> {
    match answer.responses.into_iter().next()?.response? {
        Response::ResponseRange(range) => range.kvs.into_iter().next(),
        Response::ResponsePut(_) | Response::ResponseDeleteRange(_) => None,
    }
}
