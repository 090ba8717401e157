//! Reads: what every member agrees on, unless a revision is named, and never more of it than fits in memory.

use proto::{etcd::RangeRequest, records::v1::Record};

use super::{
    Inner,
    birth::Birth,
    fault::{Fault, Kind},
    keys::Span,
    revision, row,
};
use crate::storage::{Listing, Page, PageLimits, StorageError, page::PageBuilder};

/// How many records are asked for while their size is unknown: as many of the longest fit in an answer.
const FIRST_CHUNK: usize = 15;

/// How many times as many records are asked for as were before, at most: records differ in size.
const GROWTH: usize = 8;

/// How many records to ask for next.
#[derive(Debug)]
struct Chunk {
    size: usize,
}

// === impl Inner ===

impl Inner {
    pub(super) async fn read(&self, key: &str) -> Result<Option<Record>, StorageError> {
        let request = RangeRequest {
            key: self.keys.key(key),
            ..RangeRequest::default()
        };
        let answer = self.client.range(request).await?;
        let Some(row) = answer.kvs.into_iter().next() else {
            return Ok(None);
        };
        let born = row.create_revision;
        let record = row::decode(&self.keys, row)?;
        // Whoever reads a record may be about to write it.
        let birth = Birth {
            revision: born,
            time: record.create_time,
        };
        self.births.insert(key, birth);
        Ok(Some(record))
    }

    /// Reads a page chunk by chunk, as a page is cut by its size and etcd only counts.
    pub(super) async fn page(&self, listing: Listing) -> Result<Page, StorageError> {
        let mut span = self.keys.below(&listing.prefix);
        if let Some(after) = &listing.after {
            span = span.after(&self.keys.key(after));
        }
        let limits = PageLimits {
            records: listing.limits.records.max(1),
            ..listing.limits
        };
        let mut builder = PageBuilder::new(limits);
        let mut at = listing.at;
        let mut chunk = Chunk::first();
        let (mut records, mut bytes) = (0, 0);
        loop {
            // One more than are left: it tells whether there are more.
            let limit = chunk.size.min((limits.records - records).saturating_add(1));
            let answer = match self.client.range(request(&span, limit, at)).await {
                Ok(answer) => answer,
                Err(fault) if fault.kind == Kind::TooLong && chunk.shrink() => continue,
                Err(fault) => return Err(self.explain(fault, at).await),
            };
            let shown = *at.get_or_insert_with(|| revision(answer.header.as_ref()));
            for row in answer.kvs {
                span = span.after(&row.key);
                let record = row::decode(&self.keys, row)?;
                records += 1;
                bytes += record.key.len() + record.value.len();
                if !builder.add(record) {
                    return Ok(builder.finish(shown));
                }
            }
            if !answer.more {
                return Ok(builder.finish(shown));
            }
            chunk.grow(records, bytes, limits.bytes);
        }
    }

    /// The present revision of the store, if changes after `at` are remembered.
    pub(super) async fn stand(&self, at: Option<i64>) -> Result<i64, StorageError> {
        let request = RangeRequest {
            key: self.keys.nobody(),
            keys_only: true,
            revision: at.unwrap_or_default(),
            ..RangeRequest::default()
        };
        match self.client.range(request).await {
            Ok(answer) => Ok(revision(answer.header.as_ref())),
            Err(fault) => Err(self.explain(fault, at).await),
        }
    }

    /// Finds out what etcd leaves out when it refuses a revision.
    async fn explain(&self, fault: Fault, at: Option<i64>) -> StorageError {
        match (fault.kind, at) {
            (Kind::Compacted, Some(_)) => match self.compacted().await {
                Ok(compacted) => StorageError::HistoryGone {
                    oldest: compacted + 1,
                },
                Err(fault) => fault.into(),
            },
            (Kind::Ahead, Some(_)) => {
                let present = RangeRequest {
                    key: self.keys.nobody(),
                    ..RangeRequest::default()
                };
                match self.client.range(present).await {
                    Ok(answer) => StorageError::Ahead {
                        last: revision(answer.header.as_ref()),
                    },
                    Err(fault) => fault.into(),
                }
            }
            _ => fault.into(),
        }
    }
}

// === impl Chunk ===

impl Chunk {
    fn first() -> Self {
        Self { size: FIRST_CHUNK }
    }

    /// Chooses the next size by those records that were read.
    fn grow(&mut self, records: usize, bytes: usize, page: usize) {
        let mean = (bytes / records.max(1)).max(1);
        let rest = page.saturating_sub(bytes) / mean + 1;
        self.size = rest.clamp(1, self.size * GROWTH);
    }

    /// Answers false when there is no smaller one.
    fn shrink(&mut self) -> bool {
        let is_smaller = self.size > 1;
        self.size = (self.size / GROWTH).max(1);
        is_smaller
    }
}

fn request(span: &Span, limit: usize, at: Option<i64>) -> RangeRequest {
    RangeRequest {
        key: span.start.clone(),
        range_end: span.end.clone(),
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
        revision: at.unwrap_or_default(),
        ..RangeRequest::default()
    }
}
