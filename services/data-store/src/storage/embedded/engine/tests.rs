use std::{
    cell::Cell,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use redb::{ReadableTable as _, StorageBackend, backends::InMemoryBackend};
use tokio::time::{Instant, advance};

use super::{Engine, FULL_PAUSE, Opening, SLOW_PAUSE, load};
use crate::storage::{
    Delete, OpenProblem, Storage as _, StorageError,
    embedded::{
        Embedded,
        apply::apply,
        failure::Failure,
        layout::VERSIONS,
        read,
        tests::mk_put,
        writes::{Write, Written},
    },
};

/// A disk that outlives the databases on it, can be full or broken, and can lose its power.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<InMemoryBackend>,
    /// The bytes at the last sync: what a power cut leaves.
    synced: Arc<Mutex<Vec<u8>>>,
    is_broken: Arc<AtomicBool>,
    is_full: Arc<AtomicBool>,
    /// Says so at the next sync, after it took everything.
    is_full_at_sync: Arc<AtomicBool>,
    openings: Arc<AtomicUsize>,
}

impl Disk {
    fn engine(&self) -> Engine {
        let disk = self.clone();
        let opener = move |opening| {
            let before = disk.openings.fetch_add(1, Ordering::SeqCst);
            assert_eq!(opening == Opening::First, before == 0);
            load(disk.clone())
        };
        Engine::open_with(Box::new(opener)).unwrap()
    }

    /// Answers a disk with what was synced, while the database on this one is still open.
    fn after_a_power_cut(&self) -> Self {
        let left = Self::default();
        let synced = self.synced.lock().unwrap();
        left.bytes.set_len(synced.len() as u64).unwrap();
        left.bytes.write(0, &synced).unwrap();
        left
    }

    fn working(&self) -> Result<(), io::Error> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("broken"));
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.working()?;
        if len > self.len()? && self.is_full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.working()?;
        let mut synced = vec![0; usize::try_from(self.len()?).unwrap()];
        self.bytes.read(0, &mut synced)?;
        *self.synced.lock().unwrap() = synced;
        if self.is_full_at_sync.swap(false, Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.working()?;
        self.bytes.write(offset, data)
    }
}

fn write(engine: &Engine, write: &Write) -> Result<Written, Failure> {
    let mut answers = engine.write(|database| apply(database, [write].into_iter(), 10))?;
    answers.remove(0).map_err(Failure::Refused)
}

fn put(engine: &Engine, key: &str, value: impl Into<Bytes>) -> Result<i64, Failure> {
    let put = mk_put(key, value);
    match write(engine, &Write::Put(put))? {
        Written::Put(record) => Ok(record.revision),
        Written::Delete(_) => unreachable!(),
    }
}

fn delete(engine: &Engine, key: &str) {
    let key = key.to_owned();
    let expected = None;
    write(engine, &Write::Delete(Delete { key, expected })).unwrap();
}

fn value_of(engine: &Engine, key: &str) -> Result<Option<Bytes>, Failure> {
    engine
        .read(|database| read::get(database, key))
        .map(|record| record.map(|record| record.value))
}

#[test]
fn an_acknowledged_write_survives_a_power_cut() {
    let disk = Disk::default();
    let engine = disk.engine();
    put(&engine, "a", "1").unwrap();
    put(&engine, "b", "2").unwrap();
    delete(&engine, "a");

    let engine = disk.after_a_power_cut().engine();

    assert_eq!(value_of(&engine, "a").unwrap(), None);
    assert_eq!(value_of(&engine, "b").unwrap(), Some("2".into()));
    assert_eq!(put(&engine, "c", "3").unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_loses_nothing_and_stops_no_reads() {
    let disk = Disk::default();
    let engine = disk.engine();
    put(&engine, "a", "before").unwrap();

    disk.is_full.store(true, Ordering::SeqCst);
    let full = put(&engine, "a", vec![0; 1_000_000]).unwrap_err();
    let meanwhile = value_of(&engine, "a").unwrap();
    disk.is_full.store(false, Ordering::SeqCst);
    advance(FULL_PAUSE).await;

    assert!(matches!(StorageError::from(full), StorageError::Full(_)));
    assert_eq!(meanwhile, Some("before".into()));
    assert_eq!(put(&engine, "a", vec![0; 1_000_000]).unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_tried_once_a_second_and_is_opened_no_more_often() {
    let disk = Disk::default();
    let engine = disk.engine();
    disk.is_full.store(true, Ordering::SeqCst);

    for second in 1..=3 {
        for _ in 0..10 {
            let full = put(&engine, "a", vec![0; 1_000_000]).unwrap_err();
            assert!(matches!(StorageError::from(full), StorageError::Full(_)));
            assert_eq!(value_of(&engine, "a").unwrap(), None);
        }
        assert_eq!(disk.openings.load(Ordering::SeqCst), 1 + second);
        advance(FULL_PAUSE).await;
    }
}

#[tokio::test]
async fn a_write_is_not_called_nothing_when_the_disk_was_full_after_it_took_all() {
    let disk = Disk::default();
    let storage = Embedded::new(disk.engine(), 10);
    storage.put(mk_put("a", "1")).await.unwrap();

    disk.is_full_at_sync.store(true, Ordering::SeqCst);
    let unclear = storage.put(mk_put("a", "2")).await.unwrap_err();

    let found = storage.get("a").await.unwrap().unwrap();
    assert_eq!((found.revision, found.value), (2, "2".into()));
    assert!(matches!(unclear, StorageError::Unavailable(_)), "{unclear}");
}

#[test]
fn a_read_that_the_failure_of_a_write_broke_begins_again() {
    let disk = Disk::default();
    let engine = disk.engine();
    put(&engine, "a", "1").unwrap();

    let tries = Cell::new(0);
    let read = engine.read(|database| {
        if tries.replace(tries.get() + 1) == 0 {
            return Err(redb::StorageError::PreviousIo.into());
        }
        read::get(database, "a")
    });

    assert_eq!(read.unwrap().unwrap().value, "1");
    assert_eq!(disk.openings.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_slow_read_none_is_made_at_once_for_a_second() {
    let engine = Disk::default().engine();
    let quick = || engine.read_at_once(|database| read::get(database, "a"));
    assert!(quick().is_some());

    *engine.slow_at.lock().unwrap() = Some(Instant::now());
    let after_a_slow_one = quick().is_some();
    advance(SLOW_PAUSE).await;

    assert!(!after_a_slow_one);
    assert!(quick().is_some());
}

#[test]
fn a_read_at_once_leaves_trouble_to_those_who_may_wait() {
    let disk = Disk::default();
    let engine = disk.engine();

    let broken = engine.read_at_once(|_| Err::<(), _>(redb::StorageError::PreviousIo.into()));
    let panicked = engine.read_at_once(|_| -> Result<(), Failure> { panic!("broken page") });
    engine.close(1);
    let closed = engine.read_at_once(|database| read::get(database, "a"));

    assert!(broken.is_none() && panicked.is_none() && closed.is_none());
    assert_eq!(disk.openings.load(Ordering::SeqCst), 1);
}

#[test]
fn a_database_is_closed_once_however_many_find_it_broken() {
    let disk = Disk::default();
    let engine = disk.engine();

    engine.close(1);
    assert_eq!(value_of(&engine, "a").unwrap(), None);
    engine.close(1);

    assert_eq!(value_of(&engine, "a").unwrap(), None);
    assert_eq!(disk.openings.load(Ordering::SeqCst), 2);
}

#[test]
fn the_database_is_opened_again_once_the_disk_works() {
    let disk = Disk::default();
    let engine = disk.engine();
    put(&engine, "a", "before").unwrap();

    disk.is_broken.store(true, Ordering::SeqCst);
    put(&engine, "b", "while broken").unwrap_err();
    let closed = put(&engine, "b", "still broken").unwrap_err();
    disk.is_broken.store(false, Ordering::SeqCst);
    let revision = put(&engine, "b", "after").unwrap();

    assert!(matches!(closed, Failure::Reopen(_)), "{closed:?}");
    assert_eq!(revision, 2);
    assert_eq!(value_of(&engine, "a").unwrap(), Some("before".into()));
}

#[test]
fn an_error_that_passes_does_not_close_the_database() {
    let disk = Disk::default();
    let engine = disk.engine();

    let failed = engine.run(|_| Err::<(), _>(Failure::damaged("one record")));

    failed.unwrap_err();
    put(&engine, "a", "after").unwrap();
    assert_eq!(disk.openings.load(Ordering::SeqCst), 1);
}

#[test]
fn a_panic_of_the_engine_is_an_error_and_opens_the_database_again() {
    let disk = Disk::default();
    let engine = disk.engine();
    put(&engine, "a", "before").unwrap();

    let error = engine.run(|_| -> Result<(), Failure> { panic!("broken page") });

    assert_eq!(
        error.unwrap_err().to_string(),
        "the storage engine panicked: broken page"
    );
    // What redb held while it panicked is let go of: the database is opened again.
    assert_eq!(value_of(&engine, "a").unwrap(), Some("before".into()));
    assert_eq!(disk.openings.load(Ordering::SeqCst), 2);
}

#[test]
fn what_was_in_memory_is_not_forgotten_in_silence() {
    let engine = Engine::in_memory().unwrap();
    put(&engine, "a", "1").unwrap();

    let _panicked = engine.run(|_| -> Result<(), Failure> { panic!("broken page") });

    let failure = value_of(&engine, "a").unwrap_err();
    assert!(matches!(failure, Failure::Reopen(OpenProblem::FileMissing)));
}

#[test]
fn a_panic_while_opening_is_an_error() {
    let opener = |_| panic!("broken header");

    let error = Engine::open_with(Box::new(opener)).unwrap_err();

    assert!(error.to_string().contains("broken header"), "{error}");
}

#[test]
fn a_damaged_record_is_an_error_until_it_is_written_again() {
    let engine = Disk::default().engine();
    put(&engine, "a", "1").unwrap();
    put(&engine, "b", "2").unwrap();
    engine
        .run(|database| {
            let transaction = database.begin_write()?;
            {
                let mut versions = transaction.open_table(VERSIONS)?;
                let mut row = versions.get(("a", 1))?.unwrap().value().to_vec();
                row[5] ^= 1;
                versions.insert(("a", 1), row.as_slice())?;
            }
            transaction.commit().map_err(redb::Error::from)?;
            Ok(())
        })
        .unwrap();

    let damaged = StorageError::from(value_of(&engine, "a").unwrap_err());

    assert!(matches!(damaged, StorageError::Damaged(_)), "{damaged:?}");
    assert_eq!(value_of(&engine, "b").unwrap(), Some("2".into()));
    put(&engine, "a", "new").unwrap();
    assert_eq!(value_of(&engine, "a").unwrap(), Some("new".into()));
}
