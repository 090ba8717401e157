//! Watches: which changes are told, and from where on.

use data_store::{Event, Storage, StorageError};
use futures::StreamExt as _;

use crate::{
    place::Place,
    support::{Follower, current, delete, delete_if, in_time, last, put, put_if},
};

/// Puts, overwrites and deletes, and answers what a watch should tell of it.
async fn change(store: &impl Storage, key: &str) -> Vec<Event> {
    let first = put(store, key, "1").await;
    let second = put(store, key, "2").await;
    let revision = delete(store, key).await.unwrap();
    let third = put(store, key, "3").await;
    let deletion = Event::Delete {
        key: key.to_owned(),
        revision,
    };
    vec![
        Event::Put(first),
        Event::Put(second),
        deletion,
        Event::Put(third),
    ]
}

fn revision_of(change: Option<&Event>) -> i64 {
    change.map(Event::revision).expect("there is a change")
}

pub(crate) async fn a_watch_begins_with_a_bookmark_of_the_past<P: Place>(place: &P) {
    let store = place.open().await;
    let changes = change(&store, "a").await;

    let from_now = Follower::begin(&store, "", 0).await;
    let from_then = Follower::begin(&store, "", changes[1].revision()).await;
    let elsewhere = Follower::begin(&store, "nothing", changes[1].revision()).await;

    assert_eq!(from_now.told(), last(&store).await);
    assert!(from_then.told() < changes[1].revision(), "nothing was told");
    assert!(elsewhere.told() <= last(&store).await);
}

pub(crate) async fn a_watch_from_now_on_tells_only_what_comes<P: Place>(place: &P) {
    let store = place.open().await;
    change(&store, "a").await;

    let mut watch = Follower::begin(&store, "", 0).await;
    let changes = change(&store, "a").await;

    assert_eq!(watch.up_to(revision_of(changes.last())).await, changes);
}

pub(crate) async fn a_watch_from_now_on_begins_before_it_is_read<P: Place>(place: &P) {
    let store = place.open().await;

    let mut watch = Follower::begin_unread(&store, "", 0).await;
    let changes = change(&store, "a").await;

    assert_eq!(watch.up_to(revision_of(changes.last())).await, changes);
}

pub(crate) async fn a_watch_tells_each_change_once<P: Place>(place: &P) {
    let store = place.open().await;
    let begin = last(&store).await;
    let mut changes = change(&store, "a").await;
    changes.extend(change(&store, "b").await);

    let mut watch = Follower::begin(&store, "", begin + 1).await;
    changes.extend(change(&store, "a").await);

    assert_eq!(watch.up_to(revision_of(changes.last())).await, changes);
    let next = put(&store, "a", "").await;
    assert_eq!(watch.next().await, Event::Put(next));
}

pub(crate) async fn a_watch_goes_on_from_any_revision<P: Place>(place: &P) {
    let store = place.open().await;
    let before = last(&store).await;
    let mut changes = change(&store, "a").await;
    changes.extend(change(&store, "b").await);
    let end = revision_of(changes.last());

    for told in 0..changes.len() {
        let start = if told == 0 {
            before
        } else {
            changes[told - 1].revision()
        } + 1;
        let mut watch = Follower::begin(&store, "", start).await;

        assert_eq!(watch.up_to(end).await, changes[told..], "from {start}");
    }
    let mut watch = Follower::begin(&store, "", end + 1).await;
    let next = put(&store, "c", "").await;
    assert_eq!(watch.next().await, Event::Put(next));
}

pub(crate) async fn a_watch_goes_on_from_its_bookmarks<P: Place>(place: &P) {
    let store = place.open().await;
    let begin = last(&store).await;
    let changes = change(&store, "a").await;

    let bookmark = Follower::begin(&store, "", begin + 1).await.told();
    let mut watch = Follower::begin(&store, "", bookmark + 1).await;

    assert_eq!(watch.up_to(revision_of(changes.last())).await, changes);
}

pub(crate) async fn a_watch_tells_exactly_the_keys_that_start_with_its_prefix<P: Place>(place: &P) {
    let store = place.open().await;
    let begin = last(&store).await;
    let keys = [
        "a",
        "a/",
        "a/1",
        "a0",
        "b",
        "🦀",
        "\u{10ffff}",
        "\u{10ffff}a",
    ];
    let mut changes = Vec::new();
    for key in keys {
        changes.push((key, change(&store, key).await));
    }

    for prefix in keys {
        let mut history = Follower::begin(&store, prefix, begin + 1).await;
        let mut live = Follower::begin(&store, prefix, 0).await;
        put(&store, "elsewhere", "").await;
        let end = put(&store, prefix, "end").await;

        let told = history.up_to(end.revision).await;
        assert_eq!(live.next().await, Event::Put(end.clone()));

        let fits = |(key, _): &&(&str, Vec<Event>)| key.starts_with(prefix);
        let mut expected: Vec<_> = changes
            .iter()
            .filter(fits)
            .flat_map(|(_, c)| c.clone())
            .collect();
        expected.push(Event::Put(end));
        // The ends of the prefixes before are told, too, where they fit.
        let told: Vec<_> = told
            .into_iter()
            .filter(|event| expected.contains(event))
            .collect();
        assert_eq!(told, expected, "{prefix:?}");
    }
}

pub(crate) async fn several_watches_tell_the_same<P: Place>(place: &P) {
    let store = place.open().await;
    let other = place.another(&store).await;
    let mut watches = Vec::new();
    for store in [&store, &other, &store, &other] {
        watches.push(Follower::begin(store, "", 0).await);
    }

    let changes = change(&store, "a").await;

    for mut watch in watches {
        assert_eq!(watch.up_to(revision_of(changes.last())).await, changes);
    }
}

pub(crate) async fn a_watch_tells_what_is_written_through_another_handle<P: Place>(place: &P) {
    let store = place.open().await;
    let other = place.another(&store).await;
    let mut watch = Follower::begin(&store, "", 0).await;

    for writer in [&other, &store.clone(), &store] {
        let written = put(writer, "a", "").await;
        assert_eq!(watch.next().await, Event::Put(written));
    }
}

pub(crate) async fn a_watch_tells_nothing_of_writes_that_were_refused<P: Place>(place: &P) {
    let store = place.open().await;
    let first = put(&store, "a", "").await.revision;
    let mut watch = Follower::begin(&store, "", 0).await;

    current(put_if(&store, "a", 0).await);
    current(delete_if(&store, "a", Some(first + 1)).await);
    delete(&store, "b").await;
    let end = put(&store, "a", "").await;

    assert_eq!(watch.next().await, Event::Put(end));
}

pub(crate) async fn a_watch_goes_on_over_a_reopening<P: Place>(place: &P) {
    let store = place.open().await;
    let begin = last(&store).await;
    let mut changes = change(&store, "a").await;

    let store = place.reopen(store).await;
    let mut watch = Follower::begin(&store, "", begin + 1).await;
    changes.extend(change(&store, "a").await);

    assert_eq!(watch.up_to(revision_of(changes.last())).await, changes);
}

pub(crate) async fn a_watch_from_a_revision_to_come_is_refused<P: Place>(place: &P) {
    let store = place.open().await;
    let before = put(&store, "a", "").await.revision;
    for start in [before + 2, before + 1_000_000] {
        // From here or as the first item.
        let refused = match in_time(store.watch("", start)).await {
            Ok(mut events) => in_time(events.next()).await.map(|first| first.map(drop)),
            Err(error) => Some(Err(error)),
        };

        let Some(Err(StorageError::Ahead { last })) = refused else {
            panic!("{start} is ahead of {before}: {refused:?}");
        };
        assert_eq!(last, before);
    }
}
