//! The accept loop: HTTP/1.1 and HTTP/2, with or without TLS, on one socket.

use std::{future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;
use tonic::{Status, transport::server::TcpConnectInfo};
use tower::ServiceExt;
use tracing::{Instrument as _, Span};

use crate::{Listener, is_grpc};

/// Connections served at once; further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 10_000;

/// Calls under way on one HTTP/2 connection; a gRPC client queues what goes beyond. Each may hold a message of a mebibyte.
const MAX_STREAMS: u32 = 200;

/// Room for a token of 16 KiB, which the auth layer must see to refuse it by name, beside other headers.
const MAX_HEADERS: u32 = 64 * 1024;

/// How long a client may take over its TLS handshake, over its first request, and over the headers of each further one in HTTP/1.1.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a call may take until its answer begins. It is the last resort: callers have deadlines of their own.
const CALL_DEADLINE: Duration = Duration::from_secs(60);

/// How long calls under way may take to finish after a stop.
const GRACE: Duration = Duration::from_secs(10);

/// How often a silent HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long the accept loop waits when the process is out of file descriptors: there is no event to await.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct Server {
    router: Router,
    tls: Option<Arc<ServerConfig>>,
}

// === impl Server ===

impl Server {
    /// Serves `router` in plaintext.
    #[must_use]
    pub fn new(router: Router) -> Self {
        let router = router.layer(middleware::from_fn(deadline));
        Self { router, tls: None }
    }

    /// Serves over TLS. HTTP/2 is offered by ALPN when `config` names it.
    #[must_use]
    pub fn with_tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Serves one connection, from `peer`, until it ends. After `stop` is cancelled it ends with the calls under way.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the connection at once.
    pub async fn connection(self, stream: TcpStream, peer: SocketAddr, stop: CancellationToken) {
        // Without it, small replies wait for the peer's delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "Cannot set TCP_NODELAY");
        }
        let Some(tls) = self.tls.clone() else {
            return self.http(stream, peer, stop).await;
        };
        match time::timeout(PATIENCE, TlsAcceptor::from(tls).accept(stream)).await {
            Ok(Ok(stream)) => self.http(stream, peer, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_elapsed) => tracing::debug!("TLS handshake took too long"),
        }
    }

    async fn http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        stop: CancellationToken,
    ) {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADERS);
        // HTTP/2 runs each call in a task of hyper's own, which knows nothing of our span.
        let span = Span::current();
        let first_request = Arc::new(Notify::new());
        let notify = Arc::clone(&first_request);
        let router = ServiceExt::<Request<Incoming>>::map_future(self.router, move |call| {
            notify.notify_one();
            call.instrument(span.clone())
        });
        // As tonic's own server does it, for whoever wants to know which machine calls.
        let connection = TcpConnectInfo {
            local_addr: None,
            remote_addr: Some(peer),
        };
        let service = router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(connection.clone());
            request
        });
        let connection =
            http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::pin!(connection);

        // hyper's own timers start with the first bytes; whoever sends none would stay for ever.
        let silent = async {
            if time::timeout(PATIENCE, first_request.notified())
                .await
                .is_ok()
            {
                future::pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = silent => {
                tracing::debug!("Closing a connection without a request");
                connection.as_mut().graceful_shutdown();
                time::timeout(PATIENCE, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "Connection failed");
        }
    }
}

/// Serves until `stop` is cancelled, then stops accepting, lets calls under way finish, and returns.
///
/// Connections that outlast the grace are cut, with a warning.
///
/// # Cancel safety
///
/// Dropping it closes the socket and every connection at once.
pub async fn serve(listener: Listener, server: Server, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));

    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            // Reaped here so that the set holds only what is open.
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                report_panic(ended);
                continue;
            }
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let connection = server.clone().connection(stream, peer, stop.clone());
                connections.spawn(
                    async move {
                        connection.await;
                        drop(permit);
                    }
                    .in_current_span(),
                );
            }
            Err(error) => {
                tracing::warn!(%error, "Cannot accept a connection");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);

    let drained = time::timeout(GRACE, async {
        while let Some(ended) = connections.join_next().await {
            report_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), grace = ?GRACE, "Cutting connections that outlasted the grace");
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &Listener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = match Arc::clone(permits).try_acquire_owned() {
        Ok(permit) => permit,
        Err(_none_left) => {
            tracing::warn!(
                limit = MAX_CONNECTIONS,
                "Waiting for a connection to end before taking another"
            );
            let permit = Arc::clone(permits).acquire_owned().await;
            permit.map_err(io::Error::other)?
        }
    };
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Ends a call whose answer does not begin in time.
async fn deadline(request: axum::extract::Request, next: Next) -> Response {
    let is_grpc = is_grpc(request.headers());
    match time::timeout(CALL_DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) if is_grpc => Status::deadline_exceeded("the call took too long").into_http(),
        Err(_elapsed) => (StatusCode::GATEWAY_TIMEOUT, "the call took too long\n").into_response(),
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "A connection's task failed");
    }
}

#[cfg(test)]
mod tests;
