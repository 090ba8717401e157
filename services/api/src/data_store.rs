//! The data store, as the api calls it: with its own token, within a deadline, at every address that its name has.
//!
//! ```text
//! DataStore ─ Repeats: again? ─▶ AttachToken ─▶ Balancer: whose turn? ─▶ Address ─┬─ one connection for unary calls
//!                                                  ▲                              └─ Lanes: more of them for streams
//!                        one task ─ Resolver ─ Addresses, each with its Reach: can it be connected to?
//! ```

mod address;
mod backoff;
mod balance;
mod connect;
mod lanes;
mod reach;
mod repeat;
mod resolve;
mod unhurried;
mod watch;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http::Uri;
use proto::{
    datastore::v1::data_store_client::DataStoreClient,
    records::v1::{
        DeleteRecordRequest, DeleteRecordResponse, GetRecordRequest, GreetRequest, GreetResponse,
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record, WatchRecordsRequest,
    },
};
use tokio::time::{self, Instant};
use tonic::{Request, Response, Status, transport::Endpoint};
use tonic_kube_auth::{AttachToken, Retry};

use self::{address::Kind, balance::Balancer, repeat::Repeats, resolve::Resolver};
use crate::{error, passing::Passing};

pub(crate) use self::watch::Watch;

/// How often an idle connection is asked whether it is still there, and how long it may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_DEADLINE: Duration = Duration::from_secs(5);

/// A page of records is cut at 3 MiB of keys and values; the rest of a thousand records is less than 1 MiB.
const MAX_ANSWER: usize = 5 * 1024 * 1024;

type Client = DataStoreClient<Retry<Balancer>>;

/// The data store. Connections to it are made when calls need them, and again whenever they must be.
///
/// Every call has a deadline, by when its answer is there or is DEADLINE_EXCEEDED; whatever goes wrong is told as the api's own answer. A
/// call that does not change anything is repeated when the answer is UNAVAILABLE, at most twice.
#[derive(Clone, Debug)]
pub(crate) struct DataStore {
    unary: Client,
    streams: Client,
    /// The same that `unary` balances with.
    balancer: Balancer,
    repeats: Repeats,
    pub(crate) limits: Limits,
}

/// What the operator allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long the data store may take over one call, connecting and repeating included, whatever the caller's deadline. Of a watch it is
    /// how long it may take to begin.
    pub(crate) timeout: Duration,
    /// The most bytes of a value that it takes.
    pub(crate) max_value: usize,
}

/// How to speak with the data store at `uri`.
pub(crate) fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_DEADLINE)
        .keep_alive_while_idle(true)
}

// === impl DataStore ===

impl DataStore {
    /// The data store, and the task that keeps its addresses up to date, which must run for as long as it is called.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub(crate) fn new(
        endpoint: Endpoint,
        attach: &AttachToken,
        limits: Limits,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let host_and_port = resolve::host_and_port(endpoint.uri());
        Self::with_resolver(endpoint, attach, limits, move || {
            resolve::lookup(Arc::clone(&host_and_port))
        })
    }

    fn with_resolver<F>(
        endpoint: Endpoint,
        attach: &AttachToken,
        limits: Limits,
        resolve: impl Fn() -> F + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send + 'static)
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let (resolver, addresses) = Resolver::new(endpoint);
        let client = |balancer| {
            let channel = attach.clone().on(balancer);
            DataStoreClient::new(channel).max_decoding_message_size(MAX_ANSWER)
        };
        let balancer = Balancer::new(Kind::Unary, addresses.clone());
        let data_store = Self {
            unary: client(balancer.clone()),
            streams: client(Balancer::new(Kind::Stream, addresses)),
            balancer,
            repeats: Repeats::new(),
            limits,
        };
        (data_store, resolver.run(resolve))
    }

    pub(crate) async fn greet(
        &self,
        request: GreetRequest,
        passing: &Passing,
    ) -> Result<GreetResponse, Status> {
        self.call_idempotent(request, passing, async |mut client, request| {
            client.greet(request).await
        })
        .await
    }

    pub(crate) async fn get_record(
        &self,
        request: GetRecordRequest,
        passing: &Passing,
    ) -> Result<Record, Status> {
        self.call_idempotent(request, passing, async |mut client, request| {
            client.get_record(request).await
        })
        .await
    }

    pub(crate) async fn put_record(
        &self,
        request: PutRecordRequest,
        passing: &Passing,
    ) -> Result<Record, Status> {
        self.call_once(request, passing, async |mut client, request| {
            client.put_record(request).await
        })
        .await
    }

    pub(crate) async fn delete_record(
        &self,
        request: DeleteRecordRequest,
        passing: &Passing,
    ) -> Result<DeleteRecordResponse, Status> {
        self.call_once(request, passing, async |mut client, request| {
            client.delete_record(request).await
        })
        .await
    }

    pub(crate) async fn list_records(
        &self,
        request: ListRecordsRequest,
        passing: &Passing,
    ) -> Result<ListRecordsResponse, Status> {
        self.call_idempotent(request, passing, async |mut client, request| {
            client.list_records(request).await
        })
        .await
    }

    /// Begins a watch, which goes on until the data store ends it, it breaks, or the deadline passes. One that breaks is not begun anew.
    pub(crate) async fn watch_records(
        &self,
        request: WatchRecordsRequest,
        passing: &Passing,
    ) -> Result<Watch, Status> {
        let begun_by = passing.deadline_within(self.limits.timeout);
        let begun = self.repeatedly(begun_by, || {
            let mut client = self.streams.clone();
            let request = mk_request(request.clone(), passing.deadline, passing);
            async move { client.watch_records(request).await }
        });
        Ok(Watch::new(begun.await?, passing.deadline))
    }

    /// Makes one call.
    async fn call_once<Q, A, F>(
        &self,
        message: Q,
        passing: &Passing,
        method: impl FnOnce(Client, Request<Q>) -> F,
    ) -> Result<A, Status>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let deadline = passing.deadline_within(self.limits.timeout);
        self.repeats.note_call();
        let call = || {
            let request = mk_request(message, Some(deadline), passing);
            method(self.unary.clone(), request)
        };
        within(deadline, call)
            .await?
            .map_err(|status| error::from_data_store(&status))
    }

    /// Makes a call that may be made again.
    async fn call_idempotent<Q: Clone, A, F>(
        &self,
        message: Q,
        passing: &Passing,
        method: impl Fn(Client, Request<Q>) -> F,
    ) -> Result<A, Status>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let deadline = passing.deadline_within(self.limits.timeout);
        self.repeatedly(deadline, || {
            let request = mk_request(message.clone(), Some(deadline), passing);
            method(self.unary.clone(), request)
        })
        .await
    }

    async fn repeatedly<A, F>(&self, deadline: Instant, call: impl Fn() -> F) -> Result<A, Status>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.repeats.note_call();
        let mut failures = 0;
        loop {
            let status = match within(deadline, &call).await? {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            failures += 1;
            let rest = self.balancer.rest();
            let Some(wait) = self.repeats.wait(failures, &status, rest, deadline) else {
                return Err(error::from_data_store(&status));
            };
            tracing::debug!(%status, ?wait, "Calling the data store once more");
            time::sleep(wait).await;
        }
    }
}

/// A request that says how long there is for it, and which trace it is part of.
fn mk_request<Q>(message: Q, deadline: Option<Instant>, passing: &Passing) -> Request<Q> {
    let mut request = Request::new(message);
    if let Some(deadline) = deadline {
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
    }
    passing.put_into(&mut request);
    request
}

/// The answer to a call that is there in time. When it is too late already, the call is not made.
async fn within<A, F>(
    deadline: Instant,
    call: impl FnOnce() -> F,
) -> Result<Result<A, Status>, Status>
where
    F: Future<Output = Result<Response<A>, Status>>,
{
    if deadline <= Instant::now() {
        return Err(error::deadline_passed());
    }
    match time::timeout_at(deadline, call()).await {
        Ok(answer) => Ok(answer.map(Response::into_inner)),
        Err(_elapsed) => {
            tracing::warn!("The data store does not answer in time");
            Err(error::data_store_is_slow())
        }
    }
}

#[cfg(test)]
mod tests;
