use data_store::{Event, Storage as _, StorageError};

use crate::{
    etcd_server::EtcdServer,
    support::{change, delete, mk_listing, next, open, put, refused_watch, watch},
};

fn compact(server: &EtcdServer, revision: i64) {
    server.etcdctl(&["compaction", &revision.to_string()]);
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_list_of_the_forgotten_says_what_is_remembered() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let first = put(&storage, "key").await.revision;
    let second = put(&storage, "key").await.revision;
    put(&storage, "key").await;
    compact(&server, second);

    let error = storage.list(mk_listing(Some(first))).await.unwrap_err();

    assert!(
        matches!(error, StorageError::HistoryGone { oldest } if oldest == second + 1),
        "{error:?}"
    );
    let page = storage.list(mk_listing(Some(second))).await.unwrap();
    assert_eq!(page.records[0].revision, second);
    assert_eq!(page.revision, second);
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_list_of_what_is_to_come_says_how_far_it_is() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let last = put(&storage, "key").await.revision;

    let error = storage.list(mk_listing(Some(last + 5))).await.unwrap_err();

    assert!(matches!(error, StorageError::Ahead { last: at } if at == last));
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_watch_begins_after_what_is_forgotten_and_not_before() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    for _ in 0..4 {
        put(&storage, "key").await;
    }
    let compacted = put(&storage, "key").await.revision;
    let next = put(&storage, "key").await;
    compact(&server, compacted);

    for start in [1, 2, compacted - 1, compacted] {
        let error = refused_watch(&storage, start).await;
        assert!(
            matches!(error, StorageError::HistoryGone { oldest } if oldest == compacted + 1),
            "{start}: {error:?}"
        );
    }
    let mut events = watch(&storage, compacted + 1).await;
    assert_eq!(change(&mut events).await, Event::Put(next));
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_deletion_that_is_compacted_away_is_not_passed_over() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    put(&storage, "key").await;
    let deleted = delete(&storage, "key").await;
    put(&storage, "other").await;
    compact(&server, deleted);

    let error = refused_watch(&storage, deleted).await;

    assert!(
        matches!(error, StorageError::HistoryGone { oldest } if oldest == deleted + 1),
        "{error:?}"
    );
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_watch_of_what_is_to_come_may_begin_with_the_next_revision_only() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let last = put(&storage, "key").await.revision;

    let error = refused_watch(&storage, last + 2).await;
    assert!(matches!(error, StorageError::Ahead { last: at } if at == last));

    let mut events = watch(&storage, last + 1).await;
    let bookmark = next(&mut events).await.unwrap();
    assert_eq!(bookmark, Event::Bookmark { revision: last });
    let written = put(&storage, "key").await;
    assert_eq!(change(&mut events).await, Event::Put(written));
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn an_empty_store_is_watched_from_its_first_revision() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let written = put(&storage, "key").await;

    for start in [1, 2] {
        let mut events = watch(&storage, start).await;
        assert_eq!(change(&mut events).await, Event::Put(written.clone()));
    }
}
