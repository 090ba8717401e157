use std::{pin::pin, time::UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt as _;
use redb::{ReadableDatabase as _, ReadableTableMetadata as _};

use super::{
    Embedded,
    layout::{LOG, VERSIONS},
};
use crate::storage::{Delete, Event, Put, Storage as _, StorageError};

pub(super) fn mk_put(key: &str, value: impl Into<Bytes>) -> Put {
    Put {
        key: key.to_owned(),
        value: value.into(),
        content_type: "text/plain".to_owned(),
        updated_by: "somebody".to_owned(),
        now: UNIX_EPOCH,
        expected: None,
    }
}

pub(super) async fn mk_storage() -> Embedded {
    Embedded::in_memory(10).await.unwrap()
}

#[tokio::test]
async fn a_change_is_forgotten_after_as_many_others_as_the_history_holds() {
    let storage = mk_storage().await;
    for n in 1..=25 {
        storage
            .put(mk_put(&format!("{}", n % 3), ""))
            .await
            .unwrap();
    }

    for start in 1..=15 {
        let watch = storage.watch("", start).await.err().unwrap();
        assert!(
            matches!(watch, StorageError::HistoryGone { oldest: 16 }),
            "{start}: {watch:?}"
        );
    }
    let told = storage.watch("", 16).await.unwrap().take(11);

    let revisions: Vec<_> = told.map(|event| event.unwrap().revision()).collect().await;
    assert_eq!(revisions, (15..=25).collect::<Vec<_>>());
}

#[tokio::test]
async fn forgetting_leaves_one_row_for_each_record_and_none_for_a_deleted_one() {
    let storage = mk_storage().await;
    for n in 1..=50 {
        storage
            .put(mk_put(&format!("{}", n % 3), ""))
            .await
            .unwrap();
    }
    let deleted = Delete {
        key: "0".to_owned(),
        expected: None,
    };
    storage.delete(deleted).await.unwrap();
    for _ in 0..10 {
        storage.put(mk_put("1", "")).await.unwrap();
    }

    let rows = storage.engine.read(|database| {
        let transaction = database.begin_read()?;
        let log = transaction
            .open_table(LOG)?
            .len()
            .map_err(redb::Error::from)?;
        let versions = transaction
            .open_table(VERSIONS)?
            .len()
            .map_err(redb::Error::from)?;
        Ok((log, versions))
    });

    // Of 1: the ten that are remembered and the one before. Of 2: one.
    assert_eq!(rows.unwrap(), (10, 12));
}

#[tokio::test]
async fn a_quiet_watch_is_told_where_it_is_now_and_then() {
    let storage = Embedded::in_memory(10_000).await.unwrap();
    let mut watch = storage.watch("quiet", 0).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().revision(), 0);
    let mut next = pin!(watch.next());

    let mut writes = 0;
    let told = loop {
        tokio::select! {
            biased;
            told = next.as_mut() => break told.unwrap().unwrap(),
            put = storage.put(mk_put("loud", "")) => writes = put.unwrap().revision,
        }
    };

    assert!(matches!(told, Event::Bookmark { revision } if revision >= 1_000));
    // The last write may be committed and not answered yet.
    assert!(told.revision() <= writes + 1);
}

#[tokio::test]
async fn a_watch_that_falls_behind_the_history_ends_with_the_oldest_revision_there_is() {
    let storage = mk_storage().await;
    let mut watch = storage.watch("", 0).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().revision(), 0);
    for _ in 0..11 {
        storage.put(mk_put("a", "")).await.unwrap();
    }

    let end = watch.next().await.unwrap();

    assert!(matches!(end, Err(StorageError::HistoryGone { oldest: 2 })));
    assert!(watch.next().await.is_none());
}
