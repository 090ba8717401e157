//! The methods of the contract: check what is asked, ask the storage, say what came of it.

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use proto::{
    datastore::v1::data_store_server::{DataStore, DataStoreServer},
    records::v1::{
        DeleteRecordRequest, DeleteRecordResponse, GetRecordRequest, GreetRequest, GreetResponse,
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record, WatchRecordsRequest,
        WatchRecordsResponse, watch_records_response::Change,
    },
};
use runtime::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_kube_auth::{Caller, Clock};

use crate::{
    caller,
    error::no_record,
    page_token::{self, Place},
    record,
    storage::{Delete, Event, Listing, PageLimits, Put, Storage, StorageError},
};

/// The most bytes of keys and values in a page: with the rest of 1,000 records still under the 4 MiB that gRPC clients take by default.
const PAGE_BYTES: usize = 3 * 1024 * 1024;

/// What a caller hears once it was authenticated.
pub(crate) const GREETING: &str = "Hello from data store. You have been authenticated";

/// Answers the data store's methods out of a [`Storage`].
#[derive(Clone, Debug)]
pub struct Service<S> {
    storage: S,
    clock: Clock,
    max_value: usize,
    stop: CancellationToken,
}

// === impl Service ===

impl<S: Storage> Service<S> {
    /// Answers out of `storage`, and dates writes by `clock`. Values may have up to 1 MiB.
    #[must_use]
    pub fn new(storage: S, clock: Clock) -> Self {
        Self {
            storage,
            clock,
            max_value: proto::MAX_VALUE,
            stop: CancellationToken::new(),
        }
    }

    /// Values may have up to so many bytes.
    #[must_use]
    pub fn with_max_value(self, max_value: usize) -> Self {
        Self { max_value, ..self }
    }

    /// Watches end when `stop` is cancelled; by themselves they would go on for as long as their callers stay.
    #[must_use]
    pub fn with_stop(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// Makes the gRPC service, which refuses messages longer than a value by more than 64 KiB with OUT_OF_RANGE before it reads them.
    #[must_use]
    pub fn into_server(self) -> DataStoreServer<Self> {
        let max_request = proto::max_request(self.max_value);
        DataStoreServer::new(self).max_decoding_message_size(max_request)
    }
}

#[tonic::async_trait]
impl<S: Storage> DataStore for Service<S> {
    type WatchRecordsStream = BoxStream<'static, Result<WatchRecordsResponse, Status>>;

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
        let record = self.storage.get(&req.key).await?;
        record.map(Response::new).ok_or_else(no_record)
    }

    async fn put_record(&self, req: Request<PutRecordRequest>) -> Result<Response<Record>, Status> {
        let updated_by = Caller::of(req.extensions())?
            .identity()
            .username()
            .to_owned();
        let req = req.into_inner();
        record::check_key(&req.key)?;
        record::check_value(&req.value, self.max_value)?;
        record::check_revision("expected_revision", req.expected_revision.unwrap_or(0))?;
        let put = Put {
            content_type: record::content_type(&req.content_type)?.to_owned(),
            key: req.key,
            value: req.value,
            updated_by,
            now: self.clock.now(),
            expected: req.expected_revision,
        };
        Ok(Response::new(self.storage.put(put).await?))
    }

    async fn delete_record(
        &self,
        req: Request<DeleteRecordRequest>,
    ) -> Result<Response<DeleteRecordResponse>, Status> {
        Caller::of(req.extensions())?;
        let req = req.into_inner();
        record::check_key(&req.key)?;
        record::check_revision("expected_revision", req.expected_revision.unwrap_or(0))?;
        let delete = Delete {
            key: req.key,
            expected: req.expected_revision,
        };
        let revision = self.storage.delete(delete).await?;
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
        let place = match req.page_token.as_str() {
            "" => None,
            token => Some(page_token::decode(&req.prefix, token)?),
        };
        let listing = Listing {
            prefix: req.prefix.clone(),
            at: place.as_ref().map(|place| place.revision),
            after: place.map(|place| place.key),
            limits,
        };
        let page = self.storage.list(listing).await?;
        let revision = page.revision;
        let next_page_token = match page.records.last() {
            Some(last) if page.has_more => {
                let key = last.key.clone();
                page_token::encode(&req.prefix, &Place { revision, key })
            }
            Some(_) | None => String::new(),
        };
        Ok(Response::new(ListRecordsResponse {
            records: page.records,
            next_page_token,
            revision,
        }))
    }

    async fn watch_records(
        &self,
        req: Request<WatchRecordsRequest>,
    ) -> Result<Response<Self::WatchRecordsStream>, Status> {
        Caller::of(req.extensions())?;
        let req = req.into_inner();
        record::check_prefix(&req.prefix)?;
        record::check_revision("start_revision", req.start_revision)?;
        let events = self.storage.watch(&req.prefix, req.start_revision).await?;
        let stopped = stream::once(async { Err(StorageError::Stopping) });
        let events = events
            .take_until(self.stop.clone().cancelled_owned())
            .chain(stopped);
        Ok(Response::new(events.map(tell).boxed()))
    }
}

/// An event, as the contract has it.
fn tell(event: Result<Event, StorageError>) -> Result<WatchRecordsResponse, Status> {
    let event = event?;
    let revision = event.revision();
    let change = match event {
        Event::Put(record) => Some(Change::Put(record)),
        Event::Delete { key, .. } => Some(Change::Deleted(key)),
        Event::Bookmark { .. } => None,
    };
    Ok(WatchRecordsResponse { revision, change })
}

#[cfg(test)]
mod tests;
