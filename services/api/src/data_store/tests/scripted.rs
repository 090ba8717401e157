//! A data store that does as it is told, and remembers what it was asked.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use axum::middleware;
use futures::{Stream, StreamExt as _, stream};
use proto::{
    datastore::v1::data_store_server::{self, DataStoreServer},
    records::v1::{
        DeleteRecordRequest, DeleteRecordResponse, GetRecordRequest, GreetRequest, GreetResponse,
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record, WatchRecordsRequest,
        WatchRecordsResponse, watch_records_response::Change,
    },
};
use runtime::{CancellationToken, Listener, Server, listen, serve};
use tokio::{sync::watch, task::JoinHandle};
use tonic::{Request, Response, Status, async_trait, service::Routes};

/// What it does with every call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Script {
    Answer,
    /// Lets the caller wait until the script is another one.
    Hold,
    Unavailable,
    /// Answers UNAVAILABLE the next so many times.
    UnavailableFor(usize),
    /// Answers, and tells those who watch more than they can read.
    Flood,
}

/// A scripted data store, served on an address. Dropping it closes the address and its connections.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) addr: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    script: watch::Sender<Script>,
    calls: watch::Sender<usize>,
    watches: watch::Sender<usize>,
    timeouts: Mutex<Vec<Option<String>>>,
    authorities: Mutex<Vec<String>>,
}

/// The service itself.
struct Playing(Arc<State>);

/// Counts a watch for as long as its stream is there.
struct Watching(Arc<State>);

/// Several on the same port, each on an address of its own.
pub(super) async fn several(count: u8) -> Vec<Scripted> {
    loop {
        if let Some(listeners) = listen_on_one_port(count).await {
            return listeners.into_iter().map(Scripted::on).collect();
        }
    }
}

/// Nothing when the port that is free on the first address is not on another.
async fn listen_on_one_port(count: u8) -> Option<Vec<Listener>> {
    let mut listeners = vec![listen(([127, 0, 0, 1], 0).into()).await.unwrap()];
    let port = listeners[0].addr().port();
    for nth in 2..=count {
        listeners.push(listen(([127, 0, 0, nth], port).into()).await.ok()?);
    }
    Some(listeners)
}

// === impl Scripted ===

impl Scripted {
    pub(super) async fn start() -> Self {
        Self::at(([127, 0, 0, 1], 0).into()).await
    }

    pub(super) async fn at(addr: SocketAddr) -> Self {
        Self::on(listen(addr).await.unwrap())
    }

    /// As the real one is served: 200 calls at once on one connection.
    fn on(listener: Listener) -> Self {
        let state = Arc::new(State {
            script: watch::Sender::new(Script::Answer),
            calls: watch::Sender::default(),
            watches: watch::Sender::default(),
            timeouts: Mutex::default(),
            authorities: Mutex::default(),
        });
        let addr = listener.addr();
        let service = DataStoreServer::new(Playing(Arc::clone(&state)));
        let hearing = Arc::clone(&state);
        let hear = move |request: axum::extract::Request| {
            let authority = request.uri().authority().unwrap().to_string();
            hearing.authorities.lock().unwrap().push(authority);
            std::future::ready(request)
        };
        let router = Routes::new(service)
            .into_axum_router()
            .layer(middleware::map_request(hear));
        let serving = serve(listener, Server::new(router), CancellationToken::new());
        Self {
            addr,
            state,
            server: tokio::spawn(serving),
        }
    }

    /// Closes the address and every connection, whatever is under way.
    pub(super) async fn die(mut self) {
        self.server.abort();
        (&mut self.server).await.unwrap_err();
    }

    pub(super) fn script(&self, script: Script) {
        self.state.script.send_replace(script);
    }

    /// How many calls have come so far.
    pub(super) fn calls(&self) -> usize {
        *self.state.calls.borrow()
    }

    pub(super) async fn has_calls(&self, count: usize) {
        let mut calls = self.state.calls.subscribe();
        calls.wait_for(|calls| *calls >= count).await.unwrap();
    }

    /// Waits until exactly so many watches are open.
    pub(super) async fn has_watches(&self, count: usize) {
        let mut watches = self.state.watches.subscribe();
        watches.wait_for(|watches| *watches == count).await.unwrap();
    }

    /// The `grpc-timeout` of each call so far.
    pub(super) fn timeouts(&self) -> Vec<Option<String>> {
        self.state.timeouts.lock().unwrap().clone()
    }

    /// Whom each call so far was meant for.
    pub(super) fn authorities(&self) -> Vec<String> {
        self.state.authorities.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === impl State ===

impl State {
    /// Counts a call, and says what comes of it.
    async fn play<Q, A: Default>(&self, request: &Request<Q>) -> Result<A, Status> {
        let timeout = request.metadata().get("grpc-timeout");
        let timeout = timeout.map(|timeout| timeout.to_str().unwrap().to_owned());
        self.timeouts.lock().unwrap().push(timeout);
        self.calls.send_modify(|calls| *calls += 1);
        let mut script = self.script.subscribe();
        let script = script.wait_for(|script| *script != Script::Hold).await;
        let script = script.unwrap().clone();
        match script {
            Script::Answer | Script::Hold | Script::UnavailableFor(0) | Script::Flood => {
                Ok(A::default())
            }
            Script::Unavailable => Err(Status::unavailable("as told")),
            Script::UnavailableFor(times) => {
                self.script.send_replace(Script::UnavailableFor(times - 1));
                Err(Status::unavailable("as told"))
            }
        }
    }
}

// === impl Playing ===

#[async_trait]
impl data_store_server::DataStore for Playing {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        self.0.play(&request).await.map(Response::new)
    }

    async fn get_record(
        &self,
        request: Request<GetRecordRequest>,
    ) -> Result<Response<Record>, Status> {
        self.0.play(&request).await.map(Response::new)
    }

    async fn put_record(
        &self,
        request: Request<PutRecordRequest>,
    ) -> Result<Response<Record>, Status> {
        self.0.play(&request).await.map(Response::new)
    }

    async fn delete_record(
        &self,
        request: Request<DeleteRecordRequest>,
    ) -> Result<Response<DeleteRecordResponse>, Status> {
        self.0.play(&request).await.map(Response::new)
    }

    async fn list_records(
        &self,
        request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        self.0.play(&request).await.map(Response::new)
    }

    type WatchRecordsStream =
        Pin<Box<dyn Stream<Item = Result<WatchRecordsResponse, Status>> + Send>>;

    /// One bookmark, and then nothing for ever, or large records without end.
    async fn watch_records(
        &self,
        request: Request<WatchRecordsRequest>,
    ) -> Result<Response<Self::WatchRecordsStream>, Status> {
        let bookmark: WatchRecordsResponse = self.0.play(&request).await?;
        let watching = Watching::new(Arc::clone(&self.0));
        let more = if *self.0.script.borrow() == Script::Flood {
            stream::repeat_with(|| Ok(mk_large_change())).boxed()
        } else {
            stream::pending().boxed()
        };
        let told = stream::iter([Ok(bookmark)]).chain(more).map(move |told| {
            let _until_the_stream_is_dropped = &watching;
            told
        });
        Ok(Response::new(Box::pin(told)))
    }
}

fn mk_large_change() -> WatchRecordsResponse {
    let record = Record {
        value: vec![0; 256 * 1024].into(),
        ..Record::default()
    };
    WatchRecordsResponse {
        change: Some(Change::Put(record)),
        ..WatchRecordsResponse::default()
    }
}

// === impl Watching ===

impl Watching {
    fn new(state: Arc<State>) -> Self {
        state.watches.send_modify(|watches| *watches += 1);
        Self(state)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watches.send_modify(|watches| *watches -= 1);
    }
}
