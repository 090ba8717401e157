//! Two data stores on one etcd, as `local-cluster --storage etcd:…` starts them.

use clap::Parser as _;
use futures::StreamExt as _;
use local_cluster::Args;
use proto::{
    datastore::v1::data_store_client::DataStoreClient,
    records::v1::{WatchRecordsRequest, watch_records_response::Change},
};
use tonic::Request;

use crate::{
    etcd_server::EtcdServer,
    support::{ANY_PORT, Running, channel, http, mk_request},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn what_the_api_writes_through_one_data_store_is_watched_through_the_other() {
    let etcd = EtcdServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let local = Args {
        folder: folder.path().to_owned(),
        storage: Some(etcd.address("/records/").to_string()),
        kubernetes_addr: ANY_PORT,
        api_addr: ANY_PORT,
        api_admin_addr: ANY_PORT,
        data_store_addr: ANY_PORT,
        data_store_admin_addr: ANY_PORT,
        second_data_store_addr: ANY_PORT,
        second_data_store_admin_addr: ANY_PORT,
        ..Args::parse_from(["local-cluster"])
    };
    let local = local.bind().await.unwrap();
    let (api, _first) = local.addrs().unwrap();
    let second = local.second_data_store_addr().unwrap();
    let token = std::fs::read_to_string(local.cluster().paths().api_token()).unwrap();
    let running = Running::spawn(async move |stop| local.run(stop.cancelled()).await.unwrap());
    let mut watch = Request::new(WatchRecordsRequest::default());
    let bearer = format!("Bearer {token}").parse().unwrap();
    watch.metadata_mut().insert("authorization", bearer);

    let told = DataStoreClient::new(channel(second))
        .watch_records(watch)
        .await;
    let mut told = told.unwrap().into_inner();
    assert_eq!(told.next().await.unwrap().unwrap().change, None);
    let put = mk_request(
        "PUT",
        "/v1/records/a",
        &[("content-type", "text/plain")],
        "hi",
    );
    assert_eq!(http(api, put).await.status(), 200);

    let Some(Change::Put(record)) = told.next().await.unwrap().unwrap().change else {
        panic!("it was put");
    };
    assert_eq!((record.key.as_str(), &record.value[..]), ("a", &b"hi"[..]));
    assert_eq!(record.updated_by, "system:serviceaccount:api:api");
    running.stop().await;
    let end = told.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), tonic::Code::Unavailable);
}
