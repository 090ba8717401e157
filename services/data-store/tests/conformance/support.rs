//! What every claim does with a store.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use data_store::{Delete, Event, Listing, Page, PageLimits, Put, Storage, StorageError};
use futures::{StreamExt as _, stream::BoxStream};
use proto::records::v1::Record;
use tokio::time;

/// After this long nothing more is expected of a store: what is awaited fails the test instead of holding it up.
const PATIENCE: Duration = Duration::from_secs(30);

/// More pages than any list of these claims has: paging that goes on beyond goes in circles.
const MANY_PAGES: usize = 10_000;

/// Everything that a claim puts, on one page.
pub(crate) const WHOLE: PageLimits = PageLimits {
    records: 100_000,
    bytes: 1024 * 1024 * 1024,
};

/// A watch that is held to the order of what it tells.
pub(crate) struct Follower {
    events: BoxStream<'static, Result<Event, StorageError>>,
    /// Every change up to this revision was told.
    told: i64,
}

// === impl Follower ===

impl Follower {
    /// Begins to watch, and reads the bookmark that a watch begins with.
    pub(crate) async fn begin(store: &impl Storage, prefix: &str, start: i64) -> Self {
        let mut follower = Self::begin_unread(store, prefix, start).await;
        assert!(follower.step().await.is_none(), "a bookmark comes first");
        follower
    }

    /// Begins to watch, and reads nothing.
    pub(crate) async fn begin_unread(store: &impl Storage, prefix: &str, start: i64) -> Self {
        let events = in_time(store.watch(prefix, start)).await.unwrap();
        let told = start - 1;
        Self { events, told }
    }

    /// The next change.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some(change) = self.step().await {
                return change;
            }
        }
    }

    /// The changes up to the one at `revision`, which must be among them.
    pub(crate) async fn up_to(&mut self, revision: i64) -> Vec<Event> {
        let mut changes = vec![self.next().await];
        while self.told < revision {
            changes.push(self.next().await);
        }
        assert_eq!(self.told, revision, "the last one is told, {changes:?}");
        changes
    }

    /// Every change up to this revision was told.
    pub(crate) fn told(&self) -> i64 {
        self.told
    }

    /// Reads one event and answers the change in it, if it is not a bookmark.
    async fn step(&mut self) -> Option<Event> {
        let event = in_time(self.events.next()).await;
        let event = event.expect("a watch must not end").unwrap();
        let (before, now) = (self.told, event.revision());
        self.told = now;
        if let Event::Bookmark { .. } = event {
            assert!(now >= before, "bookmark {now} after {before}");
            return None;
        }
        assert!(now > before, "{event:?} comes after {before} was told");
        Some(event)
    }
}

/// What `operation` comes to, which it must do in time.
pub(crate) async fn in_time<T>(operation: impl Future<Output = T>) -> T {
    let outcome = time::timeout(PATIENCE, operation).await;
    outcome.expect("the store must answer")
}

/// A put as somebody would make it, whatever is there.
pub(crate) fn mk_put(key: &str, value: impl Into<Vec<u8>>) -> Put {
    Put {
        key: key.to_owned(),
        value: value.into().into(),
        content_type: "text/plain".to_owned(),
        updated_by: "somebody".to_owned(),
        now: at(1),
        expected: None,
    }
}

/// A time so many seconds after the epoch.
pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) async fn put(store: &impl Storage, key: &str, value: impl Into<Vec<u8>>) -> Record {
    in_time(store.put(mk_put(key, value))).await.unwrap()
}

pub(crate) async fn put_if(
    store: &impl Storage,
    key: &str,
    expected: i64,
) -> Result<Record, StorageError> {
    let put = Put {
        expected: Some(expected),
        ..mk_put(key, format!("replaces {expected}"))
    };
    in_time(store.put(put)).await
}

pub(crate) async fn get(store: &impl Storage, key: &str) -> Option<Record> {
    in_time(store.get(key)).await.unwrap()
}

/// Deletes whatever is there and answers the revision of the deletion.
pub(crate) async fn delete(store: &impl Storage, key: &str) -> Option<i64> {
    delete_if(store, key, None).await.unwrap()
}

pub(crate) async fn delete_if(
    store: &impl Storage,
    key: &str,
    expected: Option<i64>,
) -> Result<Option<i64>, StorageError> {
    let key = key.to_owned();
    in_time(store.delete(Delete { key, expected })).await
}

pub(crate) async fn list(store: &impl Storage, listing: Listing) -> Page {
    in_time(store.list(listing)).await.unwrap()
}

/// Everything that starts with `prefix`, on one page.
pub(crate) fn mk_listing(prefix: &str) -> Listing {
    Listing {
        prefix: prefix.to_owned(),
        after: None,
        at: None,
        limits: WHOLE,
    }
}

/// The page that comes after `page`, as of the same revision.
pub(crate) fn mk_next(listing: &Listing, page: &Page) -> Listing {
    let last = page.records.last().expect("more follows a record");
    Listing {
        after: Some(last.key.clone()),
        at: Some(page.revision),
        ..listing.clone()
    }
}

/// Every page of a list.
pub(crate) async fn pages(store: &impl Storage, mut listing: Listing) -> Vec<Page> {
    let mut pages = Vec::new();
    while pages.len() < MANY_PAGES {
        let page = list(store, listing.clone()).await;
        let more = page.has_more;
        if more {
            listing = mk_next(&listing, &page);
        }
        pages.push(page);
        if !more {
            return pages;
        }
    }
    panic!("the list has no end");
}

/// The keys of every page.
pub(crate) fn keys(pages: &[Page]) -> Vec<Vec<&str>> {
    let mut keys = Vec::new();
    for page in pages {
        keys.push(page.records.iter().map(|record| &*record.key).collect());
    }
    keys
}

/// The last revision of the store.
pub(crate) async fn last(store: &impl Storage) -> i64 {
    let nothing = mk_listing("\u{10ffff}nothing");
    list(store, nothing).await.revision
}

/// What a refused operation found; fails when it was not refused for that.
pub(crate) fn current<T: Debug>(outcome: Result<T, StorageError>) -> i64 {
    match outcome {
        Err(StorageError::Differs { current }) => current,
        other => panic!("it should differ: {other:?}"),
    }
}
