//! The methods of the contract: check what is asked, ask the storage, say what came of it.

use proto::{
    datastore::v1::data_store_server::{DataStore, DataStoreServer},
    records::v1::{
        DeleteRecordRequest, DeleteRecordResponse, GetRecordRequest, GreetRequest, GreetResponse,
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record,
    },
};
use tonic::{Request, Response, Status};
use tonic_kube_auth::{Caller, Clock};

use crate::{
    caller,
    page_token::{self, PageTokenError},
    record::{self, RuleError},
    storage::{PageLimits, Storage, StorageError},
};

/// The most bytes of keys and values in a page: with the rest of 1,000 records still under the 4 MiB that gRPC clients take by default.
const PAGE_BYTES: usize = 3 * 1024 * 1024;

/// What a caller hears once it was authenticated.
pub(crate) const GREETING: &str = "Hello from data store. You have been authenticated";

/// Answers the data store's methods out of a [`Storage`].
#[derive(Clone, Debug)]
pub struct Service {
    storage: Storage,
    clock: Clock,
}

// === impl Service ===

impl Service {
    /// Answers out of `storage`, and dates writes by `clock`.
    #[must_use]
    pub fn new(storage: Storage, clock: Clock) -> Self {
        Self { storage, clock }
    }

    /// Makes the gRPC service, which refuses messages over 1 MiB + 64 KiB with OUT_OF_RANGE before it reads them.
    #[must_use]
    pub fn into_server(self) -> DataStoreServer<Self> {
        DataStoreServer::new(self).max_decoding_message_size(proto::MAX_REQUEST)
    }
}

#[tonic::async_trait]
impl DataStore for Service {
    async fn greet(&self, req: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
        let caller = Caller::of(req.extensions())?;
        Ok(Response::new(GreetResponse {
            message: GREETING.to_owned(),
            caller: Some(caller::describe(caller)),
        }))
    }

    async fn get_record(&self, req: Request<GetRecordRequest>) -> Result<Response<Record>, Status> {
        Caller::of(req.extensions())?;
        let req = req.into_inner();
        record::check_key(&req.key)?;
        let record = self
            .storage
            .get(&req.key)
            .await
            .map_err(|error| unavailable(&error))?;
        record.map(Response::new).ok_or_else(no_record)
    }

    async fn put_record(&self, req: Request<PutRecordRequest>) -> Result<Response<Record>, Status> {
        let updated_by = Caller::of(req.extensions())?
            .identity()
            .username()
            .to_owned();
        let req = req.into_inner();
        record::check_key(&req.key)?;
        record::check_value(&req.value)?;
        let content_type = record::content_type(&req.content_type)?;
        let now = self.clock.now();
        let record = self
            .storage
            .put(&req.key, req.value, content_type, &updated_by, now)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(Response::new(record))
    }

    async fn delete_record(
        &self,
        req: Request<DeleteRecordRequest>,
    ) -> Result<Response<DeleteRecordResponse>, Status> {
        Caller::of(req.extensions())?;
        let req = req.into_inner();
        record::check_key(&req.key)?;
        let revision = self
            .storage
            .delete(&req.key)
            .await
            .map_err(|error| unavailable(&error))?;
        let revision = revision.ok_or_else(no_record)?;
        Ok(Response::new(DeleteRecordResponse { revision }))
    }

    async fn list_records(
        &self,
        req: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        Caller::of(req.extensions())?;
        let req = req.into_inner();
        record::check_prefix(&req.prefix)?;
        let limits = PageLimits {
            records: record::page_size(req.page_size)?,
            bytes: PAGE_BYTES,
        };
        let after = match req.page_token.as_str() {
            "" => None,
            token => Some(page_token::decode(&req.prefix, token)?),
        };
        let page = self
            .storage
            .list(&req.prefix, after.as_deref(), limits)
            .await
            .map_err(|error| unavailable(&error))?;
        let next_page_token = match page.records.last() {
            Some(last) if page.has_more => page_token::encode(&req.prefix, &last.key),
            Some(_) | None => String::new(),
        };
        Ok(Response::new(ListRecordsResponse {
            records: page.records,
            next_page_token,
        }))
    }
}

// === errors on the wire ===

impl From<RuleError> for Status {
    fn from(error: RuleError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl From<PageTokenError> for Status {
    fn from(error: PageTokenError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

/// Tells the caller that it may try again, and the operator why it has to.
fn unavailable(error: &StorageError) -> Status {
    tracing::error!(error = runtime::chain(error), "Storage failed");
    Status::unavailable("the storage does not answer; try again later")
}

fn no_record() -> Status {
    Status::not_found("no record under that key")
}

#[cfg(test)]
mod tests;
