//! `api.v1.Api`, for callers that speak gRPC.

use axum::{
    middleware::Next,
    response::{IntoResponse as _, Response as HttpResponse},
};
use http::StatusCode;
use proto::{
    api::v1::api_server,
    records::v1::{
        DeleteRecordRequest, DeleteRecordResponse, GetRecordRequest, GreetRequest, GreetResponse,
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record,
    },
};
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status, async_trait};

use crate::{
    data_store::{DEADLINE, DataStore},
    error::HttpError,
};

/// Passes every call on.
#[derive(Debug)]
pub(crate) struct Api {
    data_store: DataStore,
}

/// Lets nothing but gRPC through.
///
/// tonic takes a message whatever its content type says, and a page in a browser may send `text/plain` anywhere without asking first.
pub(crate) async fn only_grpc(request: axum::extract::Request, next: Next) -> HttpResponse {
    if runtime::is_grpc(request.headers()) {
        return next.run(request).await;
    }
    let message = "this path speaks gRPC; records in HTTP are at /v1/records/{key}";
    HttpError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::Unimplemented,
        message,
    )
    .into_response()
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
            .greet(request.into_inner(), Instant::now() + DEADLINE)
            .await
            .map(Response::new)
    }

    async fn get_record(
        &self,
        request: Request<GetRecordRequest>,
    ) -> Result<Response<Record>, Status> {
        self.data_store
            .get_record(request.into_inner(), Instant::now() + DEADLINE)
            .await
            .map(Response::new)
    }

    async fn put_record(
        &self,
        request: Request<PutRecordRequest>,
    ) -> Result<Response<Record>, Status> {
        self.data_store
            .put_record(request.into_inner(), Instant::now() + DEADLINE)
            .await
            .map(Response::new)
    }

    async fn delete_record(
        &self,
        request: Request<DeleteRecordRequest>,
    ) -> Result<Response<DeleteRecordResponse>, Status> {
        self.data_store
            .delete_record(request.into_inner(), Instant::now() + DEADLINE)
            .await
            .map(Response::new)
    }

    async fn list_records(
        &self,
        request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        self.data_store
            .list_records(request.into_inner(), Instant::now() + DEADLINE)
            .await
            .map(Response::new)
    }
}
