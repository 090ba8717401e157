use data_store::{Storage as _, StorageError};

use crate::{
    etcd_server::EtcdServer,
    support::{change, mk_listing, mk_put, open, watch},
};

const LONGEST: usize = 1024 * 1024;

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_page_of_the_longest_records_is_cut_by_its_bytes() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    for key in 0..20 {
        let put = mk_put(&format!("{key:02}"), vec![b'x'; LONGEST]);
        storage.put(put).await.unwrap();
    }

    let mut listing = mk_listing(None);
    let mut seen = Vec::new();
    loop {
        let page = storage.list(listing.clone()).await.unwrap();
        assert!(page.records.len() <= 3);
        seen.extend(page.records.iter().map(|record| record.key.clone()));
        listing.at = Some(page.revision);
        listing.after = seen.last().cloned();
        if !page.has_more {
            break;
        }
    }

    let all: Vec<String> = (0..20).map(|key| format!("{key:02}")).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn small_records_before_long_ones_do_not_make_an_answer_too_long() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    for key in 0..40 {
        let length = if key < 15 { 1 } else { LONGEST };
        let put = mk_put(&format!("{key:02}"), vec![b'x'; length]);
        storage.put(put).await.unwrap();
    }

    let page = storage.list(mk_listing(None)).await.unwrap();

    assert_eq!(page.records.len(), 17);
    assert!(page.has_more);
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn pages_hold_as_many_small_records_as_were_asked_for() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    for key in 0..130 {
        storage
            .put(mk_put(&format!("{key:03}"), "x"))
            .await
            .unwrap();
    }

    for (records, has_more) in [
        (1, true),
        (15, true),
        (129, true),
        (130, false),
        (1000, false),
    ] {
        let mut listing = mk_listing(None);
        listing.limits.records = records;
        let page = storage.list(listing).await.unwrap();

        assert_eq!(page.records.len(), records.min(130));
        assert_eq!(page.has_more, has_more, "{records}");
    }
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_watch_catches_up_with_more_than_an_answer_holds() {
    let server = EtcdServer::start().await;
    let storage = open(&server.address("/a")).await;
    let mut revisions = Vec::new();
    for _ in 0..40 {
        let record = storage.put(mk_put("key", vec![b'x'; LONGEST])).await;
        revisions.push(record.unwrap().revision);
    }

    let mut events = watch(&storage, revisions[0]).await;

    for revision in revisions {
        assert_eq!(change(&mut events).await.revision(), revision);
    }
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_record_that_etcd_does_not_take_is_too_large() {
    let server = EtcdServer::start_with(&["--max-request-bytes", "100000"]).await;
    let storage = open(&server.address("/a")).await;

    for length in [100_001, LONGEST] {
        let error = storage.put(mk_put("key", vec![0; length])).await;
        assert!(
            matches!(error, Err(StorageError::TooLarge)),
            "{length}: {error:?}"
        );
    }
    storage.put(mk_put("key", vec![0; 90_000])).await.unwrap();
}
