use std::net::TcpListener;

use data_store::{Event, Storage as _, StorageError};
use tokio::time::{Duration, Instant};

use crate::{
    etcd_cluster::EtcdCluster,
    etcd_server::EtcdServer,
    proxy::Proxy,
    support::{change, open, open_at, put, watch},
};

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_member_that_refuses_connections_is_passed_over() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let server = EtcdServer::start().await;

    let storage = open_at(&format!("etcd:{nobody},{}", server.endpoint())).await;

    put(&storage, "key").await;
    assert!(storage.get("key").await.unwrap().is_some());
    let _begun = watch(&storage, 0).await;
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_write_whose_answer_is_lost_is_unavailable_and_happened_once() {
    let server = EtcdServer::start().await;
    let proxy = Proxy::start(server.endpoint()).await;
    let storage = open_at(&format!("etcd:{}", proxy.address)).await;
    let direct = open_at(&format!("etcd:{}", server.endpoint())).await;
    let before = put(&storage, "key").await;
    proxy.swallow(true);

    let error = storage
        .put(crate::support::mk_put("key", "lost"))
        .await
        .unwrap_err();

    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    let after = direct.get("key").await.unwrap().unwrap();
    assert_eq!(&after.value[..], b"lost");
    assert_eq!(after.revision, before.revision + 1);
    proxy.swallow(false);
    let next = put(&storage, "key").await;
    assert_eq!(next.revision, before.revision + 2);
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_write_that_has_to_look_first_takes_no_longer_than_another() {
    let server = EtcdServer::start().await;
    let silent = Proxy::start(server.endpoint()).await;
    let forgetful = Proxy::start(server.endpoint()).await;
    silent.swallow(true);
    forgetful.swallow_after("lost");
    let members = format!("etcd:{},{}", silent.address, forgetful.address);
    let storage = open_at(&members).await;
    let began = Instant::now();

    // The one does not tell what there is, and the other does, but not what became of the write.
    let put = crate::support::mk_put("key", "lost");
    let error = storage.put(put).await.unwrap_err();

    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(began.elapsed() < Duration::from_millis(3500));
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn reads_and_watches_go_on_when_a_member_falls_silent() {
    let cluster = EtcdCluster::start().await;
    let storage = open(&cluster.address("/a")).await;
    let mut events = watch(&storage, 0).await;
    let first = put(&storage, "key").await;
    assert_eq!(change(&mut events).await, Event::Put(first.clone()));

    cluster.members[0].pause();
    let began = Instant::now();

    assert_eq!(storage.get("key").await.unwrap(), Some(first));
    assert!(began.elapsed() < Duration::from_secs(3));
    let second = put(&storage, "key").await;
    assert_eq!(change(&mut events).await, Event::Put(second));
    assert!(began.elapsed() < Duration::from_secs(8));
    cluster.members[0].resume();
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn changes_are_told_once_and_in_order_while_members_die_one_after_another() {
    let mut cluster = EtcdCluster::start().await;
    let storage = open(&cluster.address("/a")).await;
    let mut events = watch(&storage, 0).await;
    let mut revisions = Vec::new();

    for round in 0..3 {
        for _ in 0..20 {
            revisions.push(put(&storage, "key").await.revision);
        }
        cluster.members[round].kill();
        // A read finds out who answers, so that no write has to.
        assert!(storage.get("key").await.unwrap().is_some());
        for _ in 0..20 {
            revisions.push(put(&storage, "key").await.revision);
        }
        cluster.members[round].restart().await;
    }

    for revision in revisions {
        assert_eq!(change(&mut events).await.revision(), revision);
    }
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_restart_is_waited_for() {
    let mut server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let mut events = watch(&storage, 0).await;
    let before = put(&storage, "key").await;
    change(&mut events).await;

    server.kill();
    let (read, ()) = tokio::join!(storage.get("key"), server.restart());

    assert_eq!(read.unwrap(), Some(before));
    let after = put(&storage, "key").await;
    assert_eq!(change(&mut events).await, Event::Put(after));
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn without_any_member_calls_and_watches_end_unavailable() {
    let mut server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let mut events = watch(&storage, 0).await;
    put(&storage, "key").await;
    change(&mut events).await;
    server.kill();
    let began = Instant::now();

    let error = storage.get("key").await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(4));
    let error = crate::support::next(&mut events).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
}
