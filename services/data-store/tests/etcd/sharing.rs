use data_store::{Delete, Event, Put, Storage as _, StorageError};
use prost_types::Timestamp;

use crate::{
    etcd_server::EtcdServer,
    support::{at, change, delete, mk_put, names, next, open, put, watch},
};

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn what_one_handle_writes_another_reads_and_watches() {
    let server = EtcdServer::start().await;
    let (one, other) = (
        open(&server.address("/a")).await,
        open(&server.address("/a")).await,
    );
    let mut events = watch(&other, 0).await;

    let written = put(&one, "key").await;
    let deleted = delete(&one, "key").await;

    assert!(matches!(
        next(&mut events).await.unwrap(),
        Event::Bookmark { revision } if revision < written.revision
    ));
    assert_eq!(change(&mut events).await, Event::Put(written.clone()));
    let deletion = Event::Delete {
        key: "key".to_owned(),
        revision: deleted,
    };
    assert_eq!(change(&mut events).await, deletion);
    assert_eq!(other.get("key").await.unwrap(), None);
    let written = put(&one, "key").await;
    assert_eq!(other.get("key").await.unwrap(), Some(written));
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn prefixes_keep_deployments_apart() {
    let server = EtcdServer::start().await;
    let one = open(&server.address("/a")).await;
    let other = open(&server.address("/ab")).await;
    let mut events = watch(&other, 0).await;

    put(&one, "b/mine").await;
    put(&other, "theirs").await;

    assert_eq!(names(&one).await, ["b/mine"]);
    assert_eq!(names(&other).await, ["theirs"]);
    assert!(matches!(change(&mut events).await, Event::Put(record) if record.key == "theirs"));
    assert_eq!(other.get("mine").await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_record_keeps_its_birth_whoever_overwrites_it() {
    let server = EtcdServer::start().await;
    let (one, other) = (
        open(&server.address("/a")).await,
        open(&server.address("/a")).await,
    );
    let first = Put {
        now: at(1),
        ..mk_put("key", "1")
    };
    one.put(first).await.unwrap();

    for (now, storage) in [(2, &other), (3, &one), (4, &other)] {
        let next = Put {
            now: at(now),
            ..mk_put("key", "2")
        };
        let record = storage.put(next).await.unwrap();

        assert_eq!(record.create_time, Some(Timestamp::from(at(1))));
        assert_eq!(record.update_time, Some(Timestamp::from(at(now))));
        assert_eq!(one.get("key").await.unwrap(), Some(record));
    }
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_record_is_born_anew_after_others_deleted_it() {
    let server = EtcdServer::start().await;
    let (one, other) = (
        open(&server.address("/a")).await,
        open(&server.address("/a")).await,
    );
    put(&one, "key").await;
    delete(&other, "key").await;

    let anew = Put {
        now: at(5),
        ..mk_put("key", "2")
    };
    let record = one.put(anew).await.unwrap();

    assert_eq!(record.create_time, Some(Timestamp::from(at(5))));
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn an_expected_revision_is_compared_with_what_others_wrote() {
    let server = EtcdServer::start().await;
    let (one, other) = (
        open(&server.address("/a")).await,
        open(&server.address("/a")).await,
    );
    let stale = put(&one, "key").await.revision;
    let current = put(&other, "key").await.revision;
    let expecting = |expected| Put {
        expected: Some(expected),
        ..mk_put("key", "2")
    };

    for expected in [0, stale, current + 1] {
        let error = one.put(expecting(expected)).await.unwrap_err();
        assert!(matches!(error, StorageError::Differs { current: at } if at == current));
        let delete = Delete {
            key: "key".to_owned(),
            expected: Some(expected),
        };
        let error = one.delete(delete).await.unwrap_err();
        assert!(matches!(error, StorageError::Differs { current: at } if at == current));
    }
    one.put(expecting(current)).await.unwrap();
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn those_who_overwrite_one_record_at_once_are_all_served() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let puts = (0..64).map(|_| put(&storage, "key"));

    let mut revisions: Vec<i64> = futures::future::join_all(puts)
        .await
        .into_iter()
        .map(|record| record.revision)
        .collect();

    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), 64);
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn what_others_wrote_there_is_damaged_until_it_is_replaced() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    server.etcdctl(&["put", "/a/key", "no record"]);

    let error = storage.get("key").await.unwrap_err();
    assert!(matches!(error, StorageError::Damaged(_)), "{error:?}");

    let replaced = put(&storage, "key").await;
    assert_eq!(storage.get("key").await.unwrap(), Some(replaced));
}
