//! The accept loop: HTTP/1.1 and HTTP/2, with or without TLS, on one socket.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{Instrument as _, Span};

use crate::Listener;

/// Connections served at once; further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 10_000;

/// Calls under way on one HTTP/2 connection; a gRPC client queues what goes beyond.
const MAX_STREAMS: u32 = 1_000;

/// Room for a token of 16 KiB, which the auth layer must see to refuse it by name, beside other headers.
const MAX_HEADERS: u32 = 64 * 1024;

/// How long a client may take over its TLS handshake, and over its HTTP/1.1 headers.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a silent HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long the accept loop waits when the process is out of file descriptors: there is no event to await.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct Server {
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    grace: Duration,
}

// === impl Server ===

impl Server {
    /// Serves `router` in plaintext. When told to stop, it gives calls under way ten seconds to finish.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self {
            router,
            tls: None,
            grace: Duration::from_secs(10),
        }
    }

    /// Serves over TLS. HTTP/2 is offered by ALPN when `config` names it.
    #[must_use]
    pub fn with_tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Gives calls under way so long to finish after a stop.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    async fn connection(self, stream: TcpStream, stop: CancellationToken) {
        // Without it, small replies wait for the peer's delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "Cannot set TCP_NODELAY");
        }
        let Some(tls) = self.tls.clone() else {
            return self.http(stream, stop).await;
        };
        match time::timeout(PATIENCE, TlsAcceptor::from(tls).accept(stream)).await {
            Ok(Ok(stream)) => self.http(stream, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_elapsed) => tracing::debug!("TLS handshake took too long"),
        }
    }

    async fn http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
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
        let service = ServiceExt::<Request<Incoming>>::map_future(self.router, move |call| {
            call.instrument(span.clone())
        });
        let connection =
            http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::pin!(connection);

        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
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
            Ok((stream, permit)) => {
                let connection = server.clone().connection(stream, stop.clone());
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

    let drained = time::timeout(server.grace, async {
        while let Some(ended) = connections.join_next().await {
            report_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), grace = ?server.grace, "Cutting connections that outlasted the grace");
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &Listener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    Ok((listener.accept().await?, permit))
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "A connection's task failed");
    }
}
