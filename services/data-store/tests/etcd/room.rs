use data_store::{Storage as _, StorageError};

use crate::{
    etcd_server::EtcdServer,
    support::{mk_put, open, put},
};

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn without_room_writes_are_refused_until_an_operator_makes_some() {
    let server = EtcdServer::start_with(&["--quota-backend-bytes", "4194304"]).await;
    let storage = open(&server.address("/a")).await;
    put(&storage, "small").await;

    let mut last = 0;
    let error = loop {
        match storage.put(mk_put("large", vec![0; 1024 * 1024])).await {
            Ok(record) => last = record.revision,
            Err(error) => break error,
        }
    };

    assert!(matches!(error, StorageError::Full(_)), "{error:?}");
    assert!(storage.get("small").await.unwrap().is_some());
    storage.check().await.unwrap();

    server.etcdctl(&["compaction", &last.to_string()]);
    server.etcdctl(&["defrag"]);
    server.etcdctl(&["alarm", "disarm"]);
    put(&storage, "small").await;
}
