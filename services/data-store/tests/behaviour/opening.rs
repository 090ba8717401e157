use std::fs;

use data_store::{Embedded, OpenProblem, Storage as _, StorageError};
use prost::Message as _;
use proto::records::v1::Record;
use redb::{Database, TableDefinition};

use crate::support::{Place, open, put};

const META: TableDefinition<'static, &str, i64> = TableDefinition::new("meta");

async fn problem(opened: Result<Embedded, data_store::OpenError>, place: &Place) -> String {
    let error = opened.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&*place.folder().to_string_lossy()),
        "names the place: {text}"
    );
    format!("{:?}: {text}", error.problem())
}

#[tokio::test]
async fn a_missing_file_is_created() {
    let place = Place::new();

    place.open().await.unwrap();

    assert!(place.path().is_file());
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();

    place.open().await.unwrap();

    let mode = fs::metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let place = Place::new();

    let text = problem(open(&place.folder().join("no/file")).await, &place).await;

    assert!(text.starts_with("FolderMissing"), "{text}");
    assert!(text.contains("there is no folder"), "{text}");
}

#[tokio::test]
async fn a_path_under_a_file_is_refused() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();

    let text = problem(open(&place.path().join("file")).await, &place).await;

    assert!(text.starts_with("NotAFolder"), "{text}");
}

#[tokio::test]
async fn a_folder_is_refused() {
    let place = Place::new();

    let text = problem(open(place.folder()).await, &place).await;

    assert!(text.starts_with("NotAFile"), "{text}");
}

#[tokio::test]
async fn a_device_is_refused() {
    let error = open("/dev/null".as_ref()).await.unwrap_err();

    assert!(matches!(error.problem(), OpenProblem::NotAFile), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_this_user_may_not_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o400)).unwrap();
    // A privileged user is denied nothing; the mapping has a test of its own beside it.
    if fs::OpenOptions::new()
        .write(true)
        .open(place.path())
        .is_ok()
    {
        return;
    }

    let text = problem(place.open().await, &place).await;

    assert!(text.starts_with("PermissionDenied"), "{text}");
}

#[tokio::test]
async fn a_file_in_use_is_refused_until_it_is_not() {
    let place = Place::new();
    let first = place.open().await.unwrap();

    let text = problem(place.open().await, &place).await;
    drop(first);

    assert!(text.starts_with("InUse"), "{text}");
    place.open().await.unwrap();
}

#[tokio::test]
async fn a_file_that_redb_did_not_write_is_refused_and_left_alone() {
    let place = Place::new();
    let garbage = b"not a database ".repeat(10_000);
    fs::write(place.path(), &garbage).unwrap();

    let text = problem(place.open().await, &place).await;

    assert!(text.starts_with("NotADatabase"), "{text}");
    assert_eq!(fs::read(place.path()).unwrap(), garbage);
}

#[tokio::test]
async fn a_truncated_file_is_refused_at_every_length() {
    let place = Place::new();
    let storage = place.open().await.unwrap();
    for count in 0..20 {
        put(&storage, &format!("{count}"), vec![b'x'; 10_000]).await;
    }
    drop(storage);
    let whole = fs::read(place.path()).unwrap();

    for tenths in 1..10 {
        let part = whole.len() * tenths / 10;
        fs::write(place.path(), &whole[..part]).unwrap();

        let text = problem(place.open().await, &place).await;

        assert!(
            text.contains("damaged") || text.contains("not a redb"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_file_with_overwritten_pages_is_refused() {
    let place = Place::new();
    let storage = place.open().await.unwrap();
    for count in 0..20 {
        put(&storage, &format!("{count}"), vec![b'x'; 10_000]).await;
    }
    drop(storage);
    let mut bytes = fs::read(place.path()).unwrap();
    for byte in bytes.iter_mut().filter(|byte| **byte == b'x') {
        *byte = b'y';
    }
    fs::write(place.path(), bytes).unwrap();

    let text = problem(place.open().await, &place).await;

    assert!(text.contains("damaged"), "{text}");
}

#[tokio::test]
async fn a_newer_format_is_refused_with_both_versions() {
    let place = Place::new();
    place.open().await.unwrap();
    let database = Database::open(place.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(META)
        .unwrap()
        .insert("format", 3)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);

    let text = problem(place.open().await, &place).await;

    assert!(
        text.contains("UnknownFormat { found: 3, known: 2 }"),
        "{text}"
    );
    assert!(text.contains("has format version 3"), "{text}");
}

#[tokio::test]
async fn the_database_of_another_program_is_refused() {
    const OTHER: TableDefinition<'static, u64, u64> = TableDefinition::new("other");
    const META_OF_ANOTHER: TableDefinition<'static, u64, u64> = TableDefinition::new("meta");
    for table in [OTHER, META_OF_ANOTHER] {
        let place = Place::new();
        let database = Database::create(place.path()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(table).unwrap().insert(1, 1).unwrap();
        transaction.commit().unwrap();
        drop(database);

        let text = problem(place.open().await, &place).await;

        assert!(text.starts_with("Foreign"), "{text}");
    }
}

#[tokio::test]
async fn a_file_of_the_first_format_is_brought_over_and_goes_on() {
    const RECORDS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("records");
    let place = Place::new();
    let written = |revision: i64| Record {
        value: format!("value {revision}").into(),
        content_type: "text/plain".to_owned(),
        revision,
        updated_by: "somebody".to_owned(),
        ..Record::default()
    };
    let database = Database::create(place.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    for (key, revision) in [("a", 3), ("b", 7)] {
        let mut records = transaction.open_table(RECORDS).unwrap();
        let row = written(revision).encode_to_vec();
        records.insert(key, row.as_slice()).unwrap();
    }
    for (name, number) in [("format", 1), ("revision", 9)] {
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert(name, number).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);

    for _opening in 1..=2 {
        let storage = place.open().await.unwrap();

        for (key, revision) in [("a", 3), ("b", 7)] {
            let expected = Record {
                key: key.to_owned(),
                ..written(revision)
            };
            assert_eq!(storage.get(key).await.unwrap(), Some(expected));
        }
        let gone = storage.watch("", 9).await.err().unwrap();
        assert!(matches!(gone, StorageError::HistoryGone { oldest: 10 }));
    }
    let storage = place.open().await.unwrap();
    assert_eq!(put(&storage, "c", "").await.revision, 10);
}
