use std::{fs, path::PathBuf};

use data_store::{Etcd, Storage as _, StorageError};
use tempfile::TempDir;

use crate::{
    etcd_server::EtcdServer,
    support::{change, names, open_at, put, watch},
};

const PASSWORD: &str = "geheim";

/// An etcd that asks who one is.
struct Guarded {
    server: EtcdServer,
    folder: TempDir,
}

impl Guarded {
    /// Lets `root` do everything, and `records` whatever is below `/a/`.
    async fn start() -> Self {
        let server = EtcdServer::start().await;
        for args in [
            &["user", "add", "root:root"][..],
            &["user", "grant-role", "root", "root"],
            &["user", "add", &format!("records:{PASSWORD}")],
            &["role", "add", "records"],
            &[
                "role",
                "grant-permission",
                "records",
                "--prefix=true",
                "readwrite",
                "/a/",
            ],
            &["user", "grant-role", "records", "records"],
            &["auth", "enable"],
        ] {
            server.etcdctl(args);
        }
        let folder = tempfile::tempdir().unwrap();
        Self { server, folder }
    }

    fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    async fn open(&self, password: &str) -> Etcd {
        fs::write(self.password_file(), password).unwrap();
        let (endpoint, file) = (self.server.endpoint(), self.password_file());
        open_at(&format!(
            "etcd:{endpoint}?prefix=/a&user=records&password-file={}",
            file.display()
        ))
        .await
    }

    fn as_root(&self, args: &[&str]) {
        self.server
            .etcdctl(&[&["--user", "root:root"], args].concat());
    }
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_user_with_its_password_reads_writes_and_watches() {
    let guarded = Guarded::start().await;
    let storage = guarded.open(&format!("{PASSWORD}\n")).await;

    let mut events = watch(&storage, 0).await;
    put(&storage, "key").await;

    change(&mut events).await;
    assert_eq!(names(&storage).await, ["key"]);
    storage.check().await.unwrap();
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_wrong_password_is_unavailable_until_the_file_is_put_right() {
    let guarded = Guarded::start().await;
    let storage = guarded.open("wrong").await;

    let error = storage.check().await.unwrap_err();

    let StorageError::Unavailable(cause) = &error else {
        panic!("{error:?}");
    };
    let told = format!("{cause} {error:?}");
    assert!(!told.contains("wrong"), "{told}");
    fs::write(guarded.password_file(), PASSWORD).unwrap();
    // A refused password is not tried again for a second.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    storage.check().await.unwrap();
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn without_a_user_a_guarded_etcd_is_unavailable() {
    let guarded = Guarded::start().await;
    let storage = open_at(&format!("etcd:{}?prefix=/a", guarded.server.endpoint())).await;

    let error = storage.check().await.unwrap_err();

    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_token_that_is_forgotten_is_asked_for_again() {
    let mut guarded = Guarded::start().await;
    let storage = guarded.open(PASSWORD).await;
    put(&storage, "key").await;

    // etcd keeps its tokens in memory.
    guarded.server.kill();
    guarded.server.restart().await;

    put(&storage, "key").await;
    let _begun = watch(&storage, 0).await;
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_token_that_is_outdated_is_asked_for_again() {
    let guarded = Guarded::start().await;
    let storage = guarded.open(PASSWORD).await;
    let before = put(&storage, "key").await;

    guarded.as_root(&["role", "add", "another"]);
    let after = put(&storage, "key").await;
    assert_eq!(after.revision, before.revision + 1);

    guarded.as_root(&["user", "revoke-role", "records", "records"]);
    storage.get("key").await.unwrap_err();
    guarded.as_root(&["user", "grant-role", "records", "records"]);
    assert_eq!(storage.get("key").await.unwrap(), Some(after));
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_new_password_is_read_when_the_token_is_gone() {
    let mut guarded = Guarded::start().await;
    let storage = guarded.open(PASSWORD).await;
    put(&storage, "key").await;

    guarded.as_root(&["user", "delete", "records"]);
    guarded.as_root(&["user", "add", "records:other"]);
    guarded.as_root(&["user", "grant-role", "records", "records"]);
    fs::write(guarded.password_file(), "other").unwrap();

    put(&storage, "key").await;
    guarded.server.kill();
    guarded.server.restart().await;
    put(&storage, "key").await;
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn an_etcd_that_asks_nobody_is_used_all_the_same() {
    let guarded = Guarded::start().await;
    guarded.as_root(&["auth", "disable"]);
    let storage = guarded.open(PASSWORD).await;

    put(&storage, "key").await;

    guarded.server.etcdctl(&["auth", "enable"]);
    put(&storage, "key").await;
}
