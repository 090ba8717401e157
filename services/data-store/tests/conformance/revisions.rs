//! The order of writes.

use futures::future::join_all;
use tokio::spawn;

use crate::{
    place::Place,
    support::{delete, get, last, put},
};

pub(crate) async fn each_write_takes_a_revision_above_all_before<P: Place>(place: &P) {
    let store = place.open().await;

    let revisions = [
        last(&store).await,
        put(&store, "b", "").await.revision,
        put(&store, "a", "").await.revision,
        put(&store, "b", "").await.revision,
        delete(&store, "b").await.unwrap(),
        put(&store, "c", "").await.revision,
        delete(&store, "a").await.unwrap(),
        put(&store, "b", "").await.revision,
    ];

    assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
    assert_eq!(last(&store).await, revisions[7]);
}

pub(crate) async fn a_deletion_of_nothing_takes_no_revision<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "ab", "").await;
    let before = last(&store).await;

    assert_eq!(delete(&store, "a").await, None);
    assert_eq!(delete(&store, "abc").await, None);

    assert_eq!(last(&store).await, before);
    assert!(get(&store, "ab").await.is_some());
}

pub(crate) async fn a_record_keeps_the_revision_of_its_own_last_write<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "a", "").await;
    let written = put(&store, "a", "").await;
    put(&store, "b", "").await;
    delete(&store, "b").await;

    assert_eq!(get(&store, "a").await, Some(written));
}

pub(crate) async fn revisions_go_on_over_a_reopening<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "a", "").await;
    let before = delete(&store, "a").await.unwrap();

    let store = place.reopen(store).await;

    assert_eq!(last(&store).await, before);
    assert!(put(&store, "a", "").await.revision > before);
}

pub(crate) async fn concurrent_writers_take_each_revision_once<P: Place>(place: &P) {
    const WRITERS: usize = 8;
    const WRITES: usize = 25;
    let store = place.open().await;
    let write = |writer: usize| {
        let store = store.clone();
        async move {
            let key = format!("{}", writer % 4);
            let mut revisions = Vec::new();
            for _ in 0..WRITES {
                revisions.push(put(&store, &key, "").await.revision);
                revisions.extend(delete(&store, &key).await);
            }
            revisions
        }
    };

    let writers = join_all((0..WRITERS).map(|writer| spawn(write(writer)))).await;

    let mut taken = Vec::new();
    for revisions in writers {
        let revisions = revisions.unwrap();
        assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
        taken.extend(revisions);
    }
    let writes = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), writes);
    assert!(writes > WRITERS * WRITES, "some were deletions");
}
