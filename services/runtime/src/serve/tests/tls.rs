//! The same over TLS.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring::default_provider,
        pki_types::{PrivateKeyDer, ServerName},
    },
};

use super::support::refused;
use crate::{CancellationToken, Server, listen, serve};

/// What each side needs to speak TLS with the other.
fn mk_configs() -> (ServerConfig, ClientConfig) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, client)
}

#[tokio::test]
async fn a_refusal_is_heard_by_a_client_that_still_sends() {
    let (server, client) = mk_configs();
    let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.addr();
    let router = axum::Router::new();
    let server = Server::new(router).with_tls(Arc::new(server));
    let _server = tokio::spawn(serve(listener, server, CancellationToken::new()));
    let stream = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await
        .unwrap();

    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    for _ in 0..4 {
        stream.write_all(&vec![b'a'; 1024 * 1024]).await.unwrap();
    }
    stream.shutdown().await.unwrap();

    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(refused(&answer).http, 400);
}
