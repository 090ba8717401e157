//! An api, and a data store that answers as it is told.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use futures::{StreamExt as _, future, stream, stream::BoxStream};
use prost::{Message, Name};
use proto::{
    datastore::v1::data_store_server::{DataStore, DataStoreServer},
    records::v1::{
        DeleteRecordRequest, DeleteRecordResponse, GetRecordRequest, GreetRequest, GreetResponse,
        ListRecordsRequest, ListRecordsResponse, PutRecordRequest, Record, WatchRecordsRequest,
        WatchRecordsResponse,
    },
};
use runtime::CancellationToken;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tonic::{
    Request, Response, Status, metadata::MetadataMap, service::Routes,
    transport::server::TcpIncoming,
};

const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What the data store does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Answers this, in JSON.
    Json(Value),
    /// Answers these, and then waits.
    Stream(Vec<Value>),
    /// Answers these, and then ends with this.
    Broken(Vec<Value>, Status),
    Refuse(Status),
    Silence,
}

/// A call that the data store got.
pub(crate) struct Heard {
    pub(crate) method: &'static str,
    pub(crate) metadata: MetadataMap,
    /// The message in JSON.
    pub(crate) message: Value,
    /// Resolves when the data store is done with the call, or has been told that nobody waits for it.
    pub(crate) over: oneshot::Receiver<()>,
}

#[derive(Clone)]
struct Scripted {
    answers: Arc<Mutex<HashMap<&'static str, Answer>>>,
    heard: mpsc::UnboundedSender<Heard>,
}

/// An api before a scripted data store.
pub(crate) struct House {
    pub(crate) api: SocketAddr,
    scripted: Scripted,
    heard: mpsc::UnboundedReceiver<Heard>,
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
    _folder: TempDir,
}

// === impl House ===

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_config| ()).await
    }

    /// With an api that is configured otherwise.
    pub(crate) async fn with(configure: impl FnOnce(&mut api::Config)) -> Self {
        let (tx, heard) = mpsc::unbounded_channel();
        let scripted = Scripted {
            answers: Arc::default(),
            heard: tx,
        };
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let data_store = listener.local_addr().unwrap();
        let routes = Routes::new(DataStoreServer::new(scripted.clone()));
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = tonic::transport::Server::builder().add_routes(routes);
        let server = async { server.serve_with_incoming(incoming).await.unwrap() };

        let folder = tempfile::tempdir().unwrap();
        let token_path = folder.path().join("api-token");
        std::fs::write(&token_path, "the-apis-own").unwrap();
        let mut config = api::Config {
            listen_addr: ANY_PORT,
            admin_addr: ANY_PORT,
            data_store_connstring: data_store.to_string(),
            token_path,
            ..api::Config::default()
        };
        configure(&mut config);
        let bound = config.bind().await.unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let api = bound.addr();
        let program = async { bound.run(stopped).await.unwrap() };
        Self {
            api,
            scripted,
            heard,
            stop,
            tasks: [tokio::spawn(server), tokio::spawn(program)],
            _folder: folder,
        }
    }

    /// From now on the data store answers a method so.
    pub(crate) fn answer(&self, method: &'static str, answer: Answer) {
        self.scripted.answers.lock().unwrap().insert(method, answer);
    }

    /// The next call that the data store gets.
    pub(crate) async fn heard(&mut self) -> Heard {
        self.heard.recv().await.unwrap()
    }

    /// Whether the data store got a call that nobody has looked at.
    pub(crate) fn has_heard(&mut self) -> bool {
        self.heard.try_recv().is_ok()
    }

    /// Tells the api to stop; it goes on until its calls are over.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the api has stopped.
    pub(crate) async fn stopped(mut self) {
        let [_data_store, api] = &mut self.tasks;
        api.await.unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

// === impl Scripted ===

impl Scripted {
    fn begin<M: Message + Name>(
        &self,
        method: &'static str,
        request: Request<M>,
    ) -> (Answer, oneshot::Sender<()>) {
        let (over_tx, over) = oneshot::channel();
        let (metadata, _extensions, message) = request.into_parts();
        let message = serde_json::from_str(&proto::to_json(&message)).unwrap();
        let _nobody_looks = self.heard.send(Heard {
            method,
            metadata,
            message,
            over,
        });
        let answer = self.answers.lock().unwrap().get(method).cloned();
        (answer.unwrap_or(Answer::Silence), over_tx)
    }

    async fn unary<M: Message + Name, A: Message + Name + Default>(
        &self,
        method: &'static str,
        request: Request<M>,
    ) -> Result<Response<A>, Status> {
        // Dropped at the end of the call, however that comes.
        let (answer, _over) = self.begin(method, request);
        match answer {
            Answer::Json(json) => Ok(Response::new(read(&json))),
            Answer::Refuse(status) => Err(status),
            Answer::Silence | Answer::Stream(_) | Answer::Broken(..) => future::pending().await,
        }
    }
}

fn read<M: Message + Name + Default>(json: &Value) -> M {
    proto::from_json(json.to_string().as_bytes()).unwrap()
}

#[tonic::async_trait]
impl DataStore for Scripted {
    type WatchRecordsStream = BoxStream<'static, Result<WatchRecordsResponse, Status>>;

    async fn greet(&self, req: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
        self.unary("Greet", req).await
    }

    async fn get_record(&self, req: Request<GetRecordRequest>) -> Result<Response<Record>, Status> {
        self.unary("GetRecord", req).await
    }

    async fn put_record(&self, req: Request<PutRecordRequest>) -> Result<Response<Record>, Status> {
        self.unary("PutRecord", req).await
    }

    async fn delete_record(
        &self,
        req: Request<DeleteRecordRequest>,
    ) -> Result<Response<DeleteRecordResponse>, Status> {
        self.unary("DeleteRecord", req).await
    }

    async fn list_records(
        &self,
        req: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        self.unary("ListRecords", req).await
    }

    async fn watch_records(
        &self,
        req: Request<WatchRecordsRequest>,
    ) -> Result<Response<Self::WatchRecordsStream>, Status> {
        let (answer, over) = self.begin("WatchRecords", req);
        let (changes, end) = match answer {
            Answer::Stream(changes) => (changes, None),
            Answer::Broken(changes, end) => (changes, Some(end)),
            Answer::Refuse(status) => return Err(status),
            Answer::Silence | Answer::Json(_) => future::pending().await,
        };
        let changes = stream::iter(changes).map(|change| Ok(read(&change)));
        let end = match end {
            Some(end) => stream::once(future::ready(Err(end))).boxed(),
            None => stream::pending().boxed(),
        };
        let watch = changes.chain(end).map(move |change| {
            let _until_it_is_dropped = &over;
            change
        });
        Ok(Response::new(watch.boxed()))
    }
}
