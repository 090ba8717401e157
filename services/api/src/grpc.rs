//! `api.v1.Api`, for callers that speak gRPC.

use proto::{
    api::v1::api_server,
    records::v1::{
        DeleteRecordRequest, DeleteRecordResponse, GetRecordRequest, GreetRequest, GreetResponse,
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record,
    },
};
use tonic::{Request, Response, Status, async_trait};

use crate::data_store::DataStore;

/// The longest message that is read: a value of 1 MiB, and names. Longer ones are refused by their length alone.
pub(crate) const MAX_MESSAGE: usize = (1024 + 64) * 1024;

/// Passes every call on.
#[derive(Debug)]
pub(crate) struct Api {
    data_store: DataStore,
}

// === impl Api ===

impl Api {
    pub(crate) fn new(data_store: DataStore) -> Self {
        Self { data_store }
    }
}

#[async_trait]
impl api_server::Api for Api {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        self.data_store
            .greet(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn get_record(
        &self,
        request: Request<GetRecordRequest>,
    ) -> Result<Response<Record>, Status> {
        self.data_store
            .get_record(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn put_record(
        &self,
        request: Request<PutRecordRequest>,
    ) -> Result<Response<Record>, Status> {
        self.data_store
            .put_record(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn delete_record(
        &self,
        request: Request<DeleteRecordRequest>,
    ) -> Result<Response<DeleteRecordResponse>, Status> {
        self.data_store
            .delete_record(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn list_records(
        &self,
        request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        self.data_store
            .list_records(request.into_inner())
            .await
            .map(Response::new)
    }
}
