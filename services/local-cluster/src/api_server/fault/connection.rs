//! What becomes of connections: the accept loop, with and without a fault.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use runtime::{CancellationToken, Listener, Server};
use tokio::{net::TcpStream, sync::watch, task::JoinSet, time};
use tokio_rustls::rustls::ServerConfig;
use tracing::Instrument as _;

use super::{
    Fault, Faults,
    answer::{self, Breaker},
};

/// Connections that may be open while each is going to be reset. Further ones wait in the kernel's backlog.
const MAX_RESET: usize = 1_000;

/// How long to wait when the process is out of file descriptors: there is no event to await.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What happens to every connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Connections {
    /// It is served.
    Served,
    /// It is closed at once. The socket goes on listening: an address that is given up may be somebody else's when it is wanted again.
    Closed,
    /// It is served by somebody whose certificate another authority made.
    Impersonated,
    /// It is served until a review comes.
    Reset,
}

/// What the API server serves with: its own certificate, and one that nobody is told to trust.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    pub(crate) own: Arc<ServerConfig>,
    pub(crate) foreign: Arc<ServerConfig>,
}

/// Serves `router` until `stop` is cancelled, as the fault of the moment has it.
///
/// When that changes what happens to connections, those that are open are closed first.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    certificates: Certificates,
    faults: Faults,
    stop: CancellationToken,
) {
    let mut changes = faults.subscribe();
    loop {
        let connections = Connections::under(*changes.borrow_and_update());
        let breaker = Breaker {
            faults: faults.clone(),
            connections,
            stop: stop.clone(),
            cut: CancellationToken::new(),
        };
        let serving = serve_as(listener.clone(), router.clone(), &certificates, breaker);
        tokio::select! {
            // First, so that no connection is accepted as it would have been before.
            biased;
            () = changed_from(connections, &mut changes) => (),
            () = serving => return,
        }
    }
}

/// Serves until `stop` is cancelled. Dropping it closes every connection at once.
async fn serve_as(
    listener: Listener,
    router: Router,
    certificates: &Certificates,
    breaker: Breaker,
) {
    let stop = breaker.stop.clone();
    match breaker.connections {
        Connections::Served => {
            let server = Server::new(answer::layer(router, breaker));
            let server = server.with_tls(Arc::clone(&certificates.own));
            runtime::serve(listener, server, stop).await;
        }
        Connections::Impersonated => {
            let server = Server::new(answer::layer(router, breaker));
            let server = server.with_tls(Arc::clone(&certificates.foreign));
            runtime::serve(listener, server, stop).await;
        }
        Connections::Closed => each(listener, &stop, async |_closed, _peer| ()).await,
        Connections::Reset => {
            each(listener, &stop, |stream, peer| {
                let breaker = breaker.of_one_connection();
                let cut = breaker.cut.clone();
                let server = Server::new(answer::layer(router.clone(), breaker));
                let server = server.with_tls(Arc::clone(&certificates.own));
                let connection = (stream, peer);
                until_reset(server, connection, cut, stop.clone())
            })
            .await;
        }
    }
}

/// Deals with connections, each in a task of its own, until `stop` is cancelled. Dropping it ends them all.
async fn each<F>(
    listener: Listener,
    stop: &CancellationToken,
    connection: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            // Reaped here so that the set holds only what is open.
            Some(_ended) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept(), if connections.len() < MAX_RESET => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(stream, peer).in_current_span());
            }
            Err(error) => {
                tracing::warn!(%error, "Cannot accept a connection");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection, and resets it when it is to be cut.
async fn until_reset(
    server: Server,
    (stream, peer): (TcpStream, SocketAddr),
    cut: CancellationToken,
    stop: CancellationToken,
) {
    // With it, closing is resetting.
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "Cannot set SO_LINGER");
    }
    let served = server.connection(stream, peer, stop);
    cut.run_until_cancelled(served).await;
}

async fn changed_from(connections: Connections, changes: &mut watch::Receiver<Option<Fault>>) {
    let is_other = |fault: &Option<Fault>| Connections::under(*fault) != connections;
    let _sender_is_ours = changes.wait_for(is_other).await;
}

// === impl Connections ===

impl Connections {
    pub(super) fn under(fault: Option<Fault>) -> Self {
        match fault {
            Some(Fault::Stopped) => Self::Closed,
            Some(Fault::AnotherCa) => Self::Impersonated,
            Some(Fault::Reset) => Self::Reset,
            Some(_) | None => Self::Served,
        }
    }
}
