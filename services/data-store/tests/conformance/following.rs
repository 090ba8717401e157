//! Watches among concurrent writers, readers that are slow, and futures that are dropped.

use std::collections::{BTreeMap, BTreeSet};

use data_store::{Event, Storage};
use futures::{FutureExt as _, future::join_all};
use proto::records::v1::Record;
use tokio::{spawn, sync::watch, task::JoinHandle};

use crate::{
    place::Place,
    support::{Follower, delete, last, list, mk_listing, mk_put, put},
};

const WRITERS: usize = 4;
const KEYS: usize = 3;

/// Writers that write and delete until they are told to stop, each noting the changes it made.
struct Writers {
    stop: watch::Sender<bool>,
    made: watch::Receiver<usize>,
    tasks: Vec<JoinHandle<Vec<Event>>>,
}

// === impl Writers ===

impl Writers {
    fn start(store: &impl Storage) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (count, made) = watch::channel(0);
        let write = |writer: usize| {
            let (store, stopped, count) = (store.clone(), stopped.clone(), count.clone());
            async move {
                let mut changes = Vec::new();
                while !*stopped.borrow() {
                    let key = format!("{}", (writer + changes.len()) % KEYS);
                    changes.push(Event::Put(put(&store, &key, format!("{writer}")).await));
                    if changes.len() % 3 == 0
                        && let Some(revision) = delete(&store, &key).await
                    {
                        changes.push(Event::Delete { key, revision });
                    }
                    count.send_modify(|count| *count += 1);
                }
                changes
            }
        };
        let tasks = (0..WRITERS).map(|writer| spawn(write(writer))).collect();
        Self { stop, made, tasks }
    }

    /// Waits until they made so many more changes.
    async fn make(&mut self, more: usize) {
        let goal = *self.made.borrow() + more;
        self.made.wait_for(|made| *made >= goal).await.unwrap();
    }

    /// Stops them and answers every change, in order.
    async fn stop(self) -> Vec<Event> {
        self.stop.send(true).unwrap();
        let changes = join_all(self.tasks).await.into_iter();
        let mut changes: Vec<_> = changes.flat_map(Result::unwrap).collect();
        changes.sort_by_key(Event::revision);
        changes
    }
}

pub(crate) async fn history_and_the_present_join_without_a_seam<P: Place>(place: &P) {
    let store = place.open().await;
    let begin = last(&store).await;
    let mut writers = Writers::start(&store);
    let mut watches = Vec::new();

    for _ in 0..8 {
        writers.make(7).await;
        let mut watch = Follower::begin_unread(&store, "", begin + 1).await;
        watches.push(spawn(async move { (watch.next().await, watch) }));
    }
    writers.make(20).await;

    let changes = writers.stop().await;
    let end = changes.last().unwrap().revision();
    for watch in watches {
        let (first, mut watch) = watch.await.unwrap();
        let mut told = vec![first];
        told.extend(watch.up_to(end).await);
        assert_eq!(told, changes);
    }
}

pub(crate) async fn a_list_and_the_watch_after_it_miss_nothing<P: Place>(place: &P) {
    let store = place.open().await;
    let mut writers = Writers::start(&store);
    let mut begun = Vec::new();
    for _ in 0..8 {
        writers.make(5).await;
        let page = list(&store, mk_listing("")).await;
        let watch = Follower::begin(&store, "", page.revision + 1).await;
        begun.push((page.records, watch));
    }
    writers.stop().await;
    let end = put(&store, "end", "").await.revision;
    let expected = list(&store, mk_listing("")).await.records;

    for (records, mut watch) in begun {
        let mut kept: BTreeMap<_, _> = records.into_iter().map(mk_entry).collect();
        for change in watch.up_to(end).await {
            match change {
                Event::Put(record) => drop(kept.insert(record.key.clone(), record)),
                Event::Delete { key, .. } => {
                    assert!(kept.remove(&key).is_some(), "{key} was there");
                }
                Event::Bookmark { .. } => unreachable!("a bookmark must be no change"),
            }
        }
        assert!(kept.into_values().eq(expected.clone()));
    }
}

fn mk_entry(record: Record) -> (String, Record) {
    (record.key.clone(), record)
}

pub(crate) async fn a_watch_taken_up_again_and_again_tells_each_change_once<P: Place>(place: &P) {
    let store = place.open().await;
    let mut told_up_to = last(&store).await;
    let mut writers = Writers::start(&store);
    let mut told = Vec::new();

    for _ in 0..20 {
        let mut watch = Follower::begin(&store, "", told_up_to + 1).await;
        writers.make(1).await;
        told.extend([watch.next().await, watch.next().await]);
        told_up_to = watch.told();
    }

    let changes = writers.stop().await;
    assert_eq!(told, changes[..told.len()]);
}

pub(crate) async fn a_watch_that_is_read_slowly_tells_everything<P: Place>(place: &P) {
    const CHANGES: usize = 1_500;
    let store = place.open().await;
    let mut slow = Follower::begin(&store, "", 0).await;
    let mut slower = Follower::begin_unread(&store, "", 0).await;
    let write = |writer: usize| {
        let store = store.clone();
        async move {
            for _ in 0..CHANGES / WRITERS {
                put(&store, &format!("{writer}"), vec![b'x'; 1_000]).await;
            }
        }
    };

    join_all((0..WRITERS).map(|writer| spawn(write(writer)))).await;
    let end = put(&store, "end", "").await.revision;

    let (slow, slower) = (slow.up_to(end).await, slower.up_to(end).await);
    assert_eq!(slow.len(), CHANGES + 1);
    assert!(slow == slower);
}

pub(crate) async fn a_watch_that_was_dropped_holds_nothing<P: Place>(place: &P) {
    let store = place.open().await;
    let mut watches = Vec::new();
    for start in [0, 1] {
        for _ in 0..100 {
            watches.push(Follower::begin_unread(&store, "", start).await);
        }
        watches.push(Follower::begin(&store, "", start).await);
    }
    put(&store, "a", "").await;
    drop(watches);

    // Where only one may have the store open, nobody else has.
    let store = place.reopen(store).await;

    let mut watch = Follower::begin(&store, "", 0).await;
    let written = put(&store, "a", "").await;
    assert_eq!(watch.next().await, Event::Put(written));
}

pub(crate) async fn a_put_that_was_dropped_happens_whole_or_not_at_all<P: Place>(place: &P) {
    const PUTS: usize = 60;
    let store = place.open().await;
    let begin = last(&store).await;

    for number in 0..PUTS {
        let mut write =
            Box::pin(store.put(mk_put(&format!("{:02}", number / 2), format!("{number}"))));
        // Asked this often, and never again.
        for _ in 0..number % 4 {
            if write.as_mut().now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    let end = put(&store, "99", "end").await.revision;
    let mut told = Follower::begin(&store, "", begin + 1).await;
    let told = told.up_to(end).await;

    let mut seen = BTreeSet::new();
    for change in &told {
        let Event::Put(record) = change else {
            panic!("nothing was deleted: {change:?}");
        };
        let value = str::from_utf8(&record.value).unwrap();
        assert!(seen.insert(value), "{value} happened once");
        let number: usize = value.parse().unwrap_or(2 * 99);
        assert_eq!(record.key, format!("{:02}", number / 2));
        assert_eq!(record.updated_by, "somebody");
    }
    // Whatever was told is listed, if nothing that was dropped came later still.
    let kept: BTreeMap<_, _> = told.into_iter().map(mk_told).collect();
    for record in list(&store, mk_listing("")).await.records {
        assert!(record.revision > end || kept.get(&record.key) == Some(&record));
    }
}

fn mk_told(change: Event) -> (String, Record) {
    match change {
        Event::Put(record) => mk_entry(record),
        Event::Delete { .. } | Event::Bookmark { .. } => panic!("{change:?} is no put"),
    }
}
