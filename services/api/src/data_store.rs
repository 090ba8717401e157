//! The data store, as the api calls it: with its own token, within a deadline.

use std::time::Duration;

use http::Uri;
use proto::{
    datastore::v1::data_store_client::DataStoreClient,
    records::v1::{
        DeleteRecordRequest, DeleteRecordResponse, GetRecordRequest, GreetRequest, GreetResponse,
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record, WatchRecordsRequest,
        WatchRecordsResponse,
    },
};
use tokio::time;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};
use tonic_kube_auth::{AttachToken, Retry};

use crate::{error, passing::Passing};

/// How long the data store may take over one call, connecting included.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long connecting may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);

/// How often an idle connection is asked whether it is still there, and how long it may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_DEADLINE: Duration = Duration::from_secs(5);

/// A page of records is cut at 3 MiB of keys and values; the rest of a thousand records is less than 1 MiB.
const MAX_ANSWER: usize = 5 * 1024 * 1024;

type Client = DataStoreClient<Retry<Channel>>;

/// The data store. It connects when it is first called, and again whenever it must.
#[derive(Clone, Debug)]
pub(crate) struct DataStore {
    client: Client,
    /// The most bytes of a value that it takes.
    pub(crate) max_value: usize,
}

/// How to reach the data store at `uri`.
pub(crate) fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .connect_timeout(CONNECT_DEADLINE)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_DEADLINE)
        .keep_alive_while_idle(true)
}

// === impl DataStore ===

impl DataStore {
    pub(crate) fn new(endpoint: &Endpoint, attach: AttachToken, max_value: usize) -> Self {
        let channel = attach.on(endpoint.connect_lazy());
        Self {
            client: DataStoreClient::new(channel).max_decoding_message_size(MAX_ANSWER),
            max_value,
        }
    }

    pub(crate) async fn greet(
        &self,
        request: GreetRequest,
        passing: &Passing,
    ) -> Result<GreetResponse, Status> {
        self.call(request, passing, async |mut client, request| {
            client.greet(request).await
        })
        .await
    }

    pub(crate) async fn get_record(
        &self,
        request: GetRecordRequest,
        passing: &Passing,
    ) -> Result<Record, Status> {
        self.call(request, passing, async |mut client, request| {
            client.get_record(request).await
        })
        .await
    }

    pub(crate) async fn put_record(
        &self,
        request: PutRecordRequest,
        passing: &Passing,
    ) -> Result<Record, Status> {
        self.call(request, passing, async |mut client, request| {
            client.put_record(request).await
        })
        .await
    }

    pub(crate) async fn delete_record(
        &self,
        request: DeleteRecordRequest,
        passing: &Passing,
    ) -> Result<DeleteRecordResponse, Status> {
        self.call(request, passing, async |mut client, request| {
            client.delete_record(request).await
        })
        .await
    }

    pub(crate) async fn list_records(
        &self,
        request: ListRecordsRequest,
        passing: &Passing,
    ) -> Result<ListRecordsResponse, Status> {
        self.call(request, passing, async |mut client, request| {
            client.list_records(request).await
        })
        .await
    }

    pub(crate) async fn watch_records(
        &self,
        request: WatchRecordsRequest,
        passing: &Passing,
    ) -> Result<tonic::Streaming<WatchRecordsResponse>, Status> {
        self.call(request, passing, async |mut client, request| {
            client.watch_records(request).await
        })
        .await
    }

    /// Makes one call. Whatever goes wrong is told as the api's own answer.
    async fn call<Q, A, F>(
        &self,
        message: Q,
        passing: &Passing,
        method: impl FnOnce(Client, Request<Q>) -> F,
    ) -> Result<A, Status>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut request = Request::new(message);
        let deadline = passing.deadline_within(DEADLINE);
        request.set_timeout(deadline - tokio::time::Instant::now());
        passing.put_into(request.metadata_mut());
        let answer = time::timeout_at(deadline, method(self.client.clone(), request)).await;
        match answer {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(error::from_data_store(&status)),
            Err(_elapsed) => {
                tracing::warn!("The data store does not answer in time");
                Err(error::data_store_is_slow())
            }
        }
    }
}
