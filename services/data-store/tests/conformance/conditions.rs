//! Writes that happen only to what they expect.

use data_store::{Put, Storage as _};
use futures::future::{join, join_all};
use tokio::spawn;

use crate::{
    place::Place,
    support::{at, current, delete, delete_if, get, last, mk_put, put, put_if},
};

pub(crate) async fn expecting_nothing_creates_and_never_replaces<P: Place>(place: &P) {
    let store = place.open().await;

    let created = put_if(&store, "a", 0).await.unwrap();

    assert_eq!(current(put_if(&store, "a", 0).await), created.revision);
    assert_eq!(get(&store, "a").await, Some(created));
}

pub(crate) async fn expecting_a_revision_replaces_that_one_alone<P: Place>(place: &P) {
    let store = place.open().await;
    let first = put(&store, "a", "").await.revision;
    let second = put_if(&store, "a", first).await.unwrap();
    let elsewhere = put(&store, "b", "").await.revision;

    for wrong in [first, elsewhere, second.revision + 1, i64::MAX] {
        assert_eq!(current(put_if(&store, "a", wrong).await), second.revision);
    }

    assert_eq!(get(&store, "a").await, Some(second));
    assert_eq!(last(&store).await, elsewhere, "a refusal takes no revision");
}

pub(crate) async fn a_conditional_overwriting_keeps_the_time_of_creation<P: Place>(place: &P) {
    let store = place.open().await;
    let first = put(&store, "a", "").await;
    let later = Put {
        now: at(9),
        expected: Some(first.revision),
        ..mk_put("a", "")
    };

    let second = store.put(later).await.unwrap();

    assert_eq!(second.create_time, first.create_time);
    assert_eq!(second.update_time, Some(at(9).into()));
}

pub(crate) async fn after_a_deletion_there_is_nothing_to_expect<P: Place>(place: &P) {
    let store = place.open().await;
    let first = put(&store, "a", "").await.revision;
    let deleted = delete(&store, "a").await.unwrap();

    for wrong in [first, deleted] {
        assert_eq!(current(put_if(&store, "a", wrong).await), 0);
        assert_eq!(current(delete_if(&store, "a", Some(wrong)).await), 0);
    }

    assert_eq!(get(&store, "a").await, None);
    put_if(&store, "a", 0).await.unwrap();
}

pub(crate) async fn a_revision_does_not_come_back_with_its_record<P: Place>(place: &P) {
    let store = place.open().await;
    let first = put(&store, "a", "").await.revision;
    delete(&store, "a").await;
    let again = put(&store, "a", "").await.revision;

    assert_eq!(current(put_if(&store, "a", first).await), again);
    assert_eq!(current(delete_if(&store, "a", Some(first)).await), again);
}

pub(crate) async fn a_deletion_that_expects_a_revision_deletes_that_one_alone<P: Place>(place: &P) {
    let store = place.open().await;
    let first = put(&store, "a", "").await.revision;
    let second = put(&store, "a", "").await.revision;

    for wrong in [first, second + 1, i64::MAX] {
        assert_eq!(current(delete_if(&store, "a", Some(wrong)).await), second);
    }
    assert!(get(&store, "a").await.is_some());

    let deleted = delete_if(&store, "a", Some(second)).await.unwrap();
    assert!(deleted.is_some_and(|revision| revision > second));
    assert_eq!(get(&store, "a").await, None);
}

pub(crate) async fn a_deletion_that_expects_nothing_deletes_nothing<P: Place>(place: &P) {
    let store = place.open().await;

    assert_eq!(delete_if(&store, "a", Some(0)).await.unwrap(), None);

    let there = put(&store, "a", "").await;
    assert_eq!(
        current(delete_if(&store, "a", Some(0)).await),
        there.revision
    );
    assert_eq!(get(&store, "a").await, Some(there));
}

pub(crate) async fn a_deletion_of_nothing_that_expects_something_differs<P: Place>(place: &P) {
    let store = place.open().await;
    let before = put(&store, "b", "").await.revision;

    assert_eq!(current(delete_if(&store, "a", Some(before)).await), 0);

    assert_eq!(last(&store).await, before);
}

pub(crate) async fn of_many_writers_at_one_revision_exactly_one_wins<P: Place>(place: &P) {
    const WRITERS: usize = 16;
    const ROUNDS: usize = 10;
    let store = place.open().await;
    let mut expected = 0;

    for round in 0..ROUNDS {
        let attempt = |_| {
            let store = store.clone();
            spawn(async move { put_if(&store, "a", expected).await })
        };
        let outcomes = join_all((0..WRITERS).map(attempt)).await;

        let (won, lost): (Vec<_>, Vec<_>) = outcomes
            .into_iter()
            .map(Result::unwrap)
            .partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, WRITERS - 1), "round {round}");
        let winner = won.into_iter().next().unwrap().unwrap();
        for outcome in lost {
            assert_eq!(current(outcome), winner.revision);
        }
        expected = winner.revision;
        assert_eq!(get(&store, "a").await, Some(winner));
    }
}

pub(crate) async fn of_a_writer_and_a_deleter_at_one_revision_exactly_one_wins<P: Place>(
    place: &P,
) {
    const ROUNDS: usize = 20;
    let store = place.open().await;

    for _ in 0..ROUNDS {
        let there = put(&store, "a", "").await.revision;
        let writer = put_if(&store, "a", there);
        let deleter = delete_if(&store, "a", Some(there));

        let (written, deleted) = join(writer, deleter).await;

        match written {
            Ok(record) => assert_eq!(current(deleted), record.revision),
            refused => {
                assert!(deleted.unwrap().is_some());
                assert_eq!(current(refused), 0);
            }
        }
    }
}
