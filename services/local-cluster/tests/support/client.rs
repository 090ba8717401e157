//! A small HTTPS client, and a cluster for it to talk to.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses its own part of it"
)]

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderName, Request, Response, header, request};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use local_cluster::{ApiServer, Cluster, Faults, Pki};
use runtime::CancellationToken;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// Trusts one cluster, and talks to it: a connection for each request.
#[derive(Debug)]
pub struct Client {
    pub address: SocketAddr,
    /// What goes wrong with the server that [`serve`] started.
    pub faults: Faults,
    tls: Arc<ClientConfig>,
    stop: CancellationToken,
    /// Dropping it stops the server.
    tasks: JoinSet<()>,
    _folder: Option<TempDir>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the answer must be JSON")
    }

    /// Fails the test unless the status is `status`.
    pub fn assert(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

impl Client {
    pub fn new(address: SocketAddr, ca_pem: &str) -> Self {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("the CA must be PEM");
        roots.add(ca).expect("the CA must be a certificate");
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring must do TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            address,
            faults: Faults::new(),
            tls: Arc::new(tls),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
            _folder: None,
        }
    }

    /// Stops the server, and waits until it has.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("the server must stop well");
        }
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        accept: Option<&str>,
        body: Option<String>,
    ) -> Answer {
        read(self.open(method, path, bearer, accept, body).await).await
    }

    /// Sends a request with a header of its own.
    pub async fn send_with(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        header: (HeaderName, &str),
    ) -> Answer {
        let req = mk_request(method, path, bearer, None, None).header(header.0, header.1);
        read(self.request(req, None).await).await
    }

    /// Sends a request and leaves the body to be read piece by piece.
    pub async fn open(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        accept: Option<&str>,
        body: Option<String>,
    ) -> Response<Incoming> {
        let req = mk_request(method, path, bearer, accept, body.as_deref());
        self.request(req, body).await
    }

    async fn request(&self, req: request::Builder, body: Option<String>) -> Response<Incoming> {
        let stream = TcpStream::connect(self.address)
            .await
            .expect("the server must listen");
        let name = ServerName::from(self.address.ip());
        let tls = TlsConnector::from(Arc::clone(&self.tls));
        let stream = tls
            .connect(name, stream)
            .await
            .expect("the certificate must be trusted");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let req = req.body(body).expect("the request must be valid");
        sender
            .send_request(req)
            .await
            .expect("there must be an answer")
    }
}

fn mk_request(
    method: &str,
    path: &str,
    bearer: Option<&str>,
    accept: Option<&str>,
    body: Option<&str>,
) -> request::Builder {
    let mut req = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "test");
    if let Some(token) = bearer {
        req = req.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(accept) = accept {
        req = req.header(header::ACCEPT, accept);
    }
    if body.is_some() {
        req = req.header(header::CONTENT_TYPE, "application/json");
    }
    req
}

async fn read(rsp: Response<Incoming>) -> Answer {
    let status = rsp.status().as_u16();
    let content_type = rsp.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .map_or("", |value| value.to_str().expect("ASCII"))
        .to_owned();
    let body = rsp
        .into_body()
        .collect()
        .await
        .expect("the body must end well")
        .to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("the body must be text");
    Answer {
        status,
        content_type,
        body,
    }
}

/// Serves a cluster on a free port until the client is dropped.
pub async fn serve(cluster: Cluster) -> Client {
    let folder = tempfile::tempdir().expect("there must be room for a folder");
    let pki = Pki::open(folder.path()).expect("the keys must be made");
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = ApiServer::new(cluster, &pki, address).expect("TLS must be set up");
    let bound = server
        .bind(address)
        .await
        .expect("there must be a free port");
    let mut client = Client::new(bound.address(), pki.ca_certificate());
    client.faults = server.faults().clone();
    client.tasks.spawn(bound.run(client.stop.clone()));
    client._folder = Some(folder);
    client
}
