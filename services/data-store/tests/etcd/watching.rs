use data_store::{Event, Storage as _};
use futures::FutureExt as _;
use tokio::time::{self, Duration};

use crate::{
    etcd_server::EtcdServer,
    support::{change, mk_put, next, open, put, watch},
};

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn several_changes_of_one_revision_are_all_told() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let mut events = watch(&storage, 0).await;
    put(&storage, "one").await;
    put(&storage, "two").await;
    change(&mut events).await;
    let last = change(&mut events).await.revision();

    server.etcdctl(&["del", "--prefix", "/a/"]);

    for key in ["one", "two"] {
        let deletion = Event::Delete {
            key: key.to_owned(),
            revision: last + 1,
        };
        assert_eq!(change(&mut events).await, deletion);
    }
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn watches_that_nobody_reads_hold_no_call_back() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let mut unread = Vec::new();
    for _ in 0..100 {
        unread.push(watch(&storage, 0).await);
    }
    let mut read = watch(&storage, 0).await;

    for _ in 0..8 {
        let record = storage.put(mk_put("key", vec![b'x'; 1024 * 1024])).await;
        assert_eq!(change(&mut read).await, Event::Put(record.unwrap()));
    }
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_quiet_watch_stays() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let mut events = watch(&storage, 0).await;
    next(&mut events).await.unwrap();

    // Longer than three silences and their answers.
    let quiet = time::timeout(Duration::from_secs(13), next(&mut events)).await;

    assert!(quiet.is_err(), "nothing happened: {quiet:?}");
    let written = put(&storage, "key").await;
    assert_eq!(change(&mut events).await, Event::Put(written));
    assert!(next(&mut events).now_or_never().is_none());
}
