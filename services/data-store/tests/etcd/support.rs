use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_store::{
    Address, Delete, Etcd, Event, Listing, PageLimits, Put, Storage as _, StorageError,
};
use futures::{StreamExt as _, stream::BoxStream};
use proto::records::v1::Record;
use tokio::time;

/// How long anything may take that is to happen.
const SOON: Duration = Duration::from_secs(20);

pub(crate) type Events = BoxStream<'static, Result<Event, StorageError>>;

pub(crate) async fn open(address: &Address) -> Etcd {
    let Address::Etcd(address) = address else {
        panic!("it must be the address of an etcd");
    };
    Etcd::open(address).await.unwrap()
}

pub(crate) async fn open_at(address: &str) -> Etcd {
    open(&address.parse().unwrap()).await
}

pub(crate) fn mk_put(key: &str, value: impl Into<Bytes>) -> Put {
    Put {
        key: key.to_owned(),
        value: value.into(),
        content_type: "text/plain".to_owned(),
        updated_by: "somebody".to_owned(),
        now: UNIX_EPOCH,
        expected: None,
    }
}

pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) async fn put(storage: &Etcd, key: &str) -> Record {
    storage.put(mk_put(key, "value")).await.unwrap()
}

pub(crate) async fn delete(storage: &Etcd, key: &str) -> i64 {
    let delete = Delete {
        key: key.to_owned(),
        expected: None,
    };
    storage.delete(delete).await.unwrap().unwrap()
}

pub(crate) fn mk_listing(at: Option<i64>) -> Listing {
    Listing {
        prefix: String::new(),
        after: None,
        at,
        limits: PageLimits {
            records: 1000,
            bytes: 3 * 1024 * 1024,
        },
    }
}

pub(crate) async fn names(storage: &Etcd) -> Vec<String> {
    let page = storage.list(mk_listing(None)).await.unwrap();
    page.records.into_iter().map(|record| record.key).collect()
}

pub(crate) async fn watch(storage: &Etcd, start: i64) -> Events {
    storage.watch("", start).await.unwrap()
}

pub(crate) async fn next(events: &mut Events) -> Result<Event, StorageError> {
    time::timeout(SOON, events.next())
        .await
        .expect("it must be told in time")
        .expect("the watch must not end")
}

/// The next change; bookmarks are passed over.
pub(crate) async fn change(events: &mut Events) -> Event {
    loop {
        match next(events).await.unwrap() {
            Event::Bookmark { .. } => {}
            change => return change,
        }
    }
}

/// The error of a watch that cannot begin, wherever it tells it.
pub(crate) async fn refused_watch(storage: &Etcd, start: i64) -> StorageError {
    match storage.watch("", start).await {
        Err(error) => error,
        Ok(mut events) => next(&mut events).await.unwrap_err(),
    }
}
