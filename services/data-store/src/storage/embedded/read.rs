//! What is read, each within one snapshot. Everything here blocks.

use std::ops::Bound;

use proto::records::v1::Record;
use redb::{AccessGuard, Database, ReadableDatabase, ReadableTable};

use super::{
    failure::Failure,
    layout::{LOG, Span, VERSIONS},
    row,
};
use crate::storage::{Event, Listing, Page, page::PageBuilder};

/// Key and revision, and the row under them.
pub(super) type Version<'a> = (
    AccessGuard<'a, (&'static str, i64)>,
    AccessGuard<'a, &'static [u8]>,
);

/// Changes, and where to go on from.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) events: Vec<Event>,
    pub(super) next: i64,
}

/// How much of the history is read at once: so much is in memory for each who watches.
const MAX_LOOKED_AT: usize = 1_000;
const MAX_BYTES: usize = 1024 * 1024;

pub(super) fn get(database: &Database, key: &str) -> Result<Option<Record>, Failure> {
    let versions = database.begin_read()?.open_table(VERSIONS)?;
    let Some((name, value)) = newest(&versions, key)? else {
        return Ok(None);
    };
    row::decode(key, name.value().1, value.value())
}

/// Answers the newest version of a record, which may be its deletion.
pub(super) fn newest<'a>(
    versions: &'a impl ReadableTable<(&'static str, i64), &'static [u8]>,
    key: &str,
) -> Result<Option<Version<'a>>, Failure> {
    let newest = versions.range((key, 0)..=(key, i64::MAX))?.next_back();
    Ok(newest.transpose()?)
}

pub(super) fn list(database: &Database, listing: &Listing) -> Result<Page, Failure> {
    let transaction = database.begin_read()?;
    let span = Span::within(&transaction)?;
    let revision = listing.at.unwrap_or(span.last);
    span.check_remembers(revision)?;
    let versions = transaction.open_table(VERSIONS)?;
    let prefix = listing.prefix.as_str();
    let start = match listing.after.as_deref() {
        Some(after) if after >= prefix => Bound::Excluded((after, i64::MAX)),
        Some(_) | None => Bound::Included((prefix, 0)),
    };
    let mut page = PageBuilder::new(listing.limits);
    let mut add = |(name, value): Version<'_>| {
        let (key, revision) = name.value();
        let record = row::decode(key, revision, value.value())?;
        Ok::<_, Failure>(record.is_none_or(|record| page.add(record)))
    };
    // The newest version so far of the key that is looked at. What was written later than the page shows is passed over.
    let mut newest: Option<Version<'_>> = None;
    for version in versions.range::<(&str, i64)>((start, Bound::Unbounded))? {
        let version = version?;
        let (key, written) = version.0.value();
        if !key.starts_with(prefix) {
            break;
        }
        if written > revision {
            continue;
        }
        let is_next = newest
            .as_ref()
            .is_some_and(|(name, _)| name.value().0 != key);
        let before = newest.replace(version);
        if let Some(before) = before
            && is_next
            && !add(before)?
        {
            newest = None;
            break;
        }
    }
    if let Some(last) = newest {
        add(last)?;
    }
    Ok(page.finish(revision))
}

/// Reads what changed from the revision `from` on, up to a limit.
pub(super) fn changes(database: &Database, prefix: &str, from: i64) -> Result<Changes, Failure> {
    let transaction = database.begin_read()?;
    let span = Span::within(&transaction)?;
    span.check_remembers(from - 1)?;
    let log = transaction.open_table(LOG)?;
    let versions = transaction.open_table(VERSIONS)?;
    let mut changes = Changes {
        events: Vec::new(),
        next: from,
    };
    let mut bytes = 0;
    for row in log.range(from..)?.take(MAX_LOOKED_AT) {
        let (revision, key) = row?;
        let (revision, key) = (revision.value(), key.value());
        changes.next = revision + 1;
        if !key.starts_with(prefix) {
            continue;
        }
        let Some(stored) = versions.get((key, revision))? else {
            return Err(Failure::damaged("a version is gone"));
        };
        let event = match row::decode(key, revision, stored.value())? {
            Some(record) => Event::Put(record),
            None => Event::Delete {
                key: key.to_owned(),
                revision,
            },
        };
        changes.events.push(event);
        bytes += key.len() + stored.value().len();
        if bytes >= MAX_BYTES {
            break;
        }
    }
    Ok(changes)
}
