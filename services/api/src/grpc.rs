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
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record, WatchRecordsRequest,
    },
};
use tonic::{Code, Request, Response, Status, async_trait};

use crate::{
    data_store::DataStore,
    door::Endless,
    error::HttpError,
    passing::Passing,
    watch::{Watch, Watches},
};

/// Passes every call on.
#[derive(Debug)]
pub(crate) struct Api {
    data_store: DataStore,
    watches: Watches,
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
    pub(crate) fn new(data_store: DataStore, watches: Watches) -> Self {
        Self {
            data_store,
            watches,
        }
    }
}

/// What goes on with a call, and its message.
fn split<T>(request: Request<T>) -> (Passing, T) {
    let passing = Passing::found_in(request.extensions());
    (passing, request.into_inner())
}

#[async_trait]
impl api_server::Api for Api {
    type WatchRecordsStream = Watch;

    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let (passing, message) = split(request);
        let answer = self.data_store.greet(message, &passing).await;
        answer.map(Response::new)
    }

    async fn get_record(
        &self,
        request: Request<GetRecordRequest>,
    ) -> Result<Response<Record>, Status> {
        let (passing, message) = split(request);
        let answer = self.data_store.get_record(message, &passing).await;
        answer.map(Response::new)
    }

    async fn put_record(
        &self,
        request: Request<PutRecordRequest>,
    ) -> Result<Response<Record>, Status> {
        let (passing, message) = split(request);
        let answer = self.data_store.put_record(message, &passing).await;
        answer.map(Response::new)
    }

    async fn delete_record(
        &self,
        request: Request<DeleteRecordRequest>,
    ) -> Result<Response<DeleteRecordResponse>, Status> {
        let (passing, message) = split(request);
        let answer = self.data_store.delete_record(message, &passing).await;
        answer.map(Response::new)
    }

    async fn list_records(
        &self,
        request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        let (passing, message) = split(request);
        let answer = self.data_store.list_records(message, &passing).await;
        answer.map(Response::new)
    }

    async fn watch_records(
        &self,
        request: Request<WatchRecordsRequest>,
    ) -> Result<Response<Watch>, Status> {
        let (passing, message) = split(request);
        let mut response = Response::new(self.watches.start(message, &passing).await?);
        response.extensions_mut().insert(Endless);
        Ok(response)
    }
}
