use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::UNIX_EPOCH,
};

use bytes::Bytes;
use redb::{StorageBackend, backends::InMemoryBackend};

use super::{Engine, Opening, load};
use crate::storage::{
    Address, StorageError,
    tables::{self, Write},
};

/// A disk that outlives the databases on it, can be full or broken, and can lose its power.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<InMemoryBackend>,
    /// The bytes at the last sync: what a power cut leaves.
    synced: Arc<Mutex<Vec<u8>>>,
    is_broken: Arc<AtomicBool>,
    is_full: Arc<AtomicBool>,
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
        Engine::open_with(&Address::Memory, Box::new(opener)).unwrap()
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
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.working()?;
        self.bytes.write(offset, data)
    }
}

fn put(engine: &Engine, key: &str, value: impl Into<Bytes>) -> Result<i64, StorageError> {
    let write = Write {
        key: key.to_owned(),
        value: value.into(),
        content_type: "text/plain".to_owned(),
        updated_by: "somebody".to_owned(),
        now: UNIX_EPOCH,
    };
    engine
        .run(|database| tables::put(database, write))
        .map(|record| record.revision)
}

fn value_of(engine: &Engine, key: &str) -> Result<Option<Bytes>, StorageError> {
    engine
        .run(|database| tables::get(database, key))
        .map(|record| record.map(|record| record.value))
}

#[test]
fn an_acknowledged_write_survives_a_power_cut() {
    let disk = Disk::default();
    let engine = disk.engine();
    put(&engine, "a", "1").unwrap();
    put(&engine, "b", "2").unwrap();
    engine
        .run(|database| tables::delete(database, "a"))
        .unwrap();

    let engine = disk.after_a_power_cut().engine();

    assert_eq!(value_of(&engine, "a").unwrap(), None);
    assert_eq!(value_of(&engine, "b").unwrap(), Some("2".into()));
    assert_eq!(put(&engine, "c", "3").unwrap(), 4);
}

#[test]
fn a_full_disk_loses_nothing_and_stops_no_reads() {
    let disk = Disk::default();
    let engine = disk.engine();
    put(&engine, "a", "before").unwrap();

    disk.is_full.store(true, Ordering::SeqCst);
    let full = put(&engine, "a", vec![0; 1_000_000]).unwrap_err();
    let meanwhile = value_of(&engine, "a").unwrap();
    disk.is_full.store(false, Ordering::SeqCst);

    assert!(matches!(full, StorageError::Engine(_)), "{full:?}");
    assert_eq!(meanwhile, Some("before".into()));
    assert_eq!(put(&engine, "a", vec![0; 1_000_000]).unwrap(), 2);
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

    assert!(matches!(closed, StorageError::Reopen(_)), "{closed:?}");
    assert_eq!(revision, 2);
    assert_eq!(value_of(&engine, "a").unwrap(), Some("before".into()));
}

#[test]
fn an_error_that_passes_does_not_close_the_database() {
    let disk = Disk::default();
    let engine = disk.engine();

    let failed = engine.run(|_| Err::<(), _>(redb::Error::Corrupted("one record".to_owned())));

    failed.unwrap_err();
    put(&engine, "a", "after").unwrap();
    assert_eq!(disk.openings.load(Ordering::SeqCst), 1);
}

#[test]
fn a_panic_of_the_engine_is_an_error() {
    let engine = Disk::default().engine();

    let error = engine.run(|_| -> Result<(), redb::Error> { panic!("broken page") });

    assert_eq!(
        error.unwrap_err().to_string(),
        "the storage engine panicked: broken page"
    );
    put(&engine, "a", "after").unwrap();
}

#[test]
fn a_panic_while_opening_is_an_error() {
    let opener = |_| panic!("broken header");

    let error = Engine::open_with(&Address::Memory, Box::new(opener)).unwrap_err();

    assert!(error.to_string().contains("broken header"), "{error}");
}

#[test]
fn a_record_that_does_not_decode_is_an_error_and_stays_where_it_is() {
    let engine = Disk::default().engine();
    let garbage: &[u8] = b"\xff\xff";
    engine
        .run(|database| {
            let transaction = database.begin_write()?;
            transaction
                .open_table(crate::storage::format::RECORDS)?
                .insert("a", garbage)?;
            Ok(transaction.commit()?)
        })
        .unwrap();

    value_of(&engine, "a").unwrap_err();
    put(&engine, "a", "new").unwrap_err();

    assert!(value_of(&engine, "a").is_err(), "it was not replaced");
}
