//! One connection, from its first byte to its last.

use std::{future, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, middleware};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Notify,
    time,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::ServiceExt;
use tracing::{Instrument as _, Span};

use super::{
    front::front,
    impatient::Impatient,
    limits,
    protocol::Protocol,
    taking::Pieces,
    wire::{Turn, Wire},
};

/// How long a client may take over its TLS handshake, over its first request, and over the headers of each further one in HTTP/1.1.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

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
        let router = router.layer(middleware::from_fn(front));
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
        // Boxed here and below, so that a task holds what its connection needs once, and not what one of the other kind would need as well.
        match self.tls.clone() {
            None => Box::pin(self.in_plaintext(stream, peer, stop)).await,
            Some(tls) => Box::pin(self.over_tls(tls.into(), stream, peer, stop)).await,
        }
    }

    async fn in_plaintext(self, stream: TcpStream, peer: SocketAddr, stop: CancellationToken) {
        let protocol = time::timeout(PATIENCE, Protocol::on(&stream));
        match stop.run_until_cancelled(protocol).await {
            Some(Ok(Ok(protocol))) => {
                Box::pin(self.http(Impatient::new(stream), protocol, peer, stop)).await;
            }
            Some(Ok(Err(error))) => tracing::debug!(%error, "Connection failed"),
            Some(Err(_elapsed)) => tracing::debug!("Closing a connection without a request"),
            None => (),
        }
    }

    async fn over_tls(
        self,
        tls: TlsAcceptor,
        stream: TcpStream,
        peer: SocketAddr,
        stop: CancellationToken,
    ) {
        match time::timeout(PATIENCE, tls.accept(Impatient::new(stream))).await {
            Ok(Ok(stream)) => {
                let protocol = Protocol::agreed(stream.get_ref().1.alpn_protocol());
                Box::pin(self.http(stream, protocol, peer, stop)).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_elapsed) => tracing::debug!("TLS handshake took too long"),
        }
    }

    pub(super) async fn http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        protocol: Protocol,
        peer: SocketAddr,
        stop: CancellationToken,
    ) {
        let http = protocol.only(limits::http());
        // HTTP/2 runs each call in a task of hyper's own, which knows nothing of our span.
        let span = Span::current();
        let first_request = Arc::new(Notify::new());
        let notify = Arc::clone(&first_request);
        let turn = Turn::default();
        let service_turn = turn.clone();
        let router = ServiceExt::<Request<Incoming>>::map_future(self.router, move |call| {
            notify.notify_one();
            let answering = service_turn.begin();
            let answer = async {
                let answer = call.await;
                answer.map(|response: Response<_>| {
                    response.map(|body| Pieces::new(answering.with(body)))
                })
            };
            answer.instrument(span.clone())
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
        let wire = Wire::new(stream, turn);
        let connection =
            http.serve_connection(TokioIo::new(wire), TowerToHyperService::new(service));
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
