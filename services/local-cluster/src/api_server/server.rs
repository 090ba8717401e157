//! The API server: the cluster's API on a socket, over TLS.

use std::net::SocketAddr;

use runtime::{CancellationToken, ListenError, Listener, listen};

use crate::api_server::{
    api,
    cluster::Cluster,
    fault::{self, Certificates, Faults},
};
use crate::pki::{Pki, PkiError};

/// An API server that can be bound, stopped, and bound again: the cluster is what lasts.
#[derive(Clone, Debug)]
pub struct ApiServer {
    cluster: Cluster,
    certificates: Certificates,
    faults: Faults,
}

/// An API server with its socket. Connections wait in the backlog until it runs.
#[derive(Debug)]
pub struct BoundApiServer {
    server: ApiServer,
    listener: Listener,
}

// === impl ApiServer ===

impl ApiServer {
    /// Serves `cluster` with a certificate made for the addresses of this machine and `address`. All is well with it at first.
    ///
    /// # Errors
    ///
    /// [`PkiError`] when the certificate cannot be made.
    pub fn new(cluster: Cluster, pki: &Pki, address: SocketAddr) -> Result<Self, PkiError> {
        let certificates = Certificates {
            own: pki.serving(address.ip())?,
            foreign: Pki::serving_for_another(address.ip())?,
        };
        Ok(Self {
            cluster,
            certificates,
            faults: Faults::new(),
        })
    }

    /// What goes wrong with it on purpose, now and whenever it is bound again.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Binds a socket; port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// [`ListenError`] when the address is taken or not ours.
    pub async fn bind(&self, address: SocketAddr) -> Result<BoundApiServer, ListenError> {
        let listener = listen(address).await?;
        Ok(BoundApiServer {
            server: self.clone(),
            listener,
        })
    }
}

// === impl BoundApiServer ===

impl BoundApiServer {
    /// The address of the socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// Serves until `stop` is cancelled; then watches end, and calls under way finish.
    pub async fn run(self, stop: CancellationToken) {
        let Self { server, listener } = self;
        let ApiServer {
            cluster,
            certificates,
            faults,
        } = server;
        let router = api::router(cluster, listener.addr(), stop.clone());
        fault::serve(listener, router, certificates, faults, stop).await;
    }
}
