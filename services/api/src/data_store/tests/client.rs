//! The api's side: a data store as the api holds it, and a name that resolves as the test says.

use std::{fs, net::SocketAddr, ops::Deref, time::Duration};

use proto::records::v1::{GreetRequest, PutRecordRequest, WatchRecordsRequest};
use tokio::{sync::watch, task::JoinHandle, time};
use tonic::Status;
use tonic_kube_auth::{AttachToken, TokenFollower, TokenSource};

use super::scripted::Scripted;
use crate::{
    data_store::{DataStore, Limits, Watch, endpoint},
    passing::Passing,
};

/// How long a call may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// A data store to call, its running task, and the token that it is called with.
#[derive(Debug)]
pub(super) struct Client {
    data_store: DataStore,
    name: Name,
    task: JoinHandle<()>,
    _follower: TokenFollower,
    _folder: tempfile::TempDir,
}

/// What the name resolves to from now on. With nothing in it, whoever asks waits.
type Name = watch::Sender<Option<Vec<SocketAddr>>>;

/// Lets time pass at once, and whatever is due in it happen.
///
/// Time goes on by itself before and after: while sockets are waited for, paused time would jump to the next deadline.
pub(super) async fn pass(duration: Duration) {
    time::pause();
    time::advance(duration).await;
    time::resume();
}

/// What a caller hands on that says nothing of how long it waits.
pub(super) fn patient() -> Passing {
    Passing::default()
}

pub(super) fn addrs(servers: &[Scripted]) -> Vec<SocketAddr> {
    servers.iter().map(|server| server.addr).collect()
}

// === impl Client ===

impl Client {
    /// Calls a name that resolves to `addrs`.
    pub(super) async fn new(addrs: Vec<SocketAddr>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "a-token").unwrap();
        let follower = TokenFollower::start(TokenSource::new(path)).await.unwrap();
        let attach = AttachToken::in_plaintext_to_anywhere(follower.token());
        let (name, resolved) = watch::channel(Some(addrs));
        let resolve = move || {
            let mut resolved = resolved.clone();
            async move {
                let addrs = resolved.wait_for(Option::is_some).await;
                Ok(addrs.unwrap().clone().unwrap())
            }
        };
        let endpoint = endpoint("http://data-store.invalid:8081".parse().unwrap());
        let limits = Limits {
            timeout: DEADLINE,
            max_value: proto::MAX_VALUE,
        };
        let (data_store, task) = DataStore::with_resolver(endpoint, &attach, limits, resolve);
        Self {
            data_store,
            name,
            task: tokio::spawn(task),
            _follower: follower,
            _folder: folder,
        }
    }

    /// Calls all of them by one name, once it is known of each whether it can be connected to.
    pub(super) async fn of(servers: &[Scripted]) -> Self {
        let client = Self::new(addrs(servers)).await;
        client.knows(&addrs(servers)).await;
        client
    }

    pub(super) fn rename(&self, addrs: Option<Vec<SocketAddr>>) {
        self.name.send_replace(addrs);
    }

    /// Waits until calls go to these addresses, and until it is known whether they can be connected to.
    pub(super) async fn knows(&self, addrs: &[SocketAddr]) {
        let mut addresses = self.data_store.balancer.addresses.clone();
        let known = addresses.wait_for(|known| {
            let known = known.iter().flat_map(|known| known.iter());
            known.map(|address| &address.reach.addr).eq(addrs)
        });
        let known = known.await.unwrap().clone().unwrap();
        for address in known.iter() {
            address.reach.decided().await;
        }
    }

    /// Waits until the address can be connected to.
    pub(super) async fn reaches(&self, addr: SocketAddr) {
        let known = self.data_store.balancer.addresses.borrow().clone().unwrap();
        let address = known.iter().find(|it| it.reach.addr == addr).unwrap();
        address.reach.reachable().await;
    }

    pub(super) async fn say_hello(&self) -> Result<(), Status> {
        let greeting = self.data_store.greet(GreetRequest {}, &patient()).await;
        greeting.map(|_greeting| ())
    }

    pub(super) async fn put(&self) -> Result<(), Status> {
        let request = PutRecordRequest::default();
        let record = self.data_store.put_record(request, &patient()).await;
        record.map(|_record| ())
    }

    pub(super) async fn watch(&self) -> Result<Watch, Status> {
        let request = WatchRecordsRequest::default();
        self.data_store.watch_records(request, &patient()).await
    }
}

impl Deref for Client {
    type Target = DataStore;

    fn deref(&self) -> &DataStore {
        &self.data_store
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}
