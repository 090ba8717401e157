use data_store::Storage as _;

use crate::support::{Place, delete, mk_memory, put};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_take_each_revision_once() {
    let storage = mk_memory().await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let storage = storage.clone();
            tokio::spawn(async move {
                let mut revisions = Vec::new();
                for _ in 0..50 {
                    let key = format!("{}", writer % 4);
                    revisions.push(put(&storage, &key, "").await.revision);
                }
                revisions
            })
        })
        .collect();

    let mut taken = Vec::new();
    for writer in writers {
        let revisions = writer.await.unwrap();
        assert!(revisions.is_sorted_by(|a, b| a < b));
        taken.extend(revisions);
    }

    taken.sort_unstable();
    assert_eq!(taken, (1..=400).collect::<Vec<i64>>());
}

#[tokio::test]
async fn revisions_go_on_over_deletions_and_a_reopening() {
    let place = Place::new();
    let storage = place.open().await.unwrap();
    assert_eq!(put(&storage, "a", "").await.revision, 1);
    assert_eq!(put(&storage, "b", "").await.revision, 2);
    assert_eq!(delete(&storage, "b").await, Some(3));
    assert_eq!(delete(&storage, "a").await, Some(4));
    drop(storage);

    let storage = place.open().await.unwrap();

    assert_eq!(put(&storage, "a", "").await.revision, 5);
}

#[tokio::test]
async fn a_record_keeps_the_revision_of_its_own_last_write() {
    let storage = mk_memory().await;
    put(&storage, "a", "").await;
    put(&storage, "b", "").await;

    let record = storage.get("a").await.unwrap().unwrap();

    assert_eq!(record.revision, 1);
}
