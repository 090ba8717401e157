//! The same check in front of a plain axum router.
//!
//! Against the stand-in cluster that `cargo run -- --cluster-only` starts at the root of this repository:
//!
//! ```console
//! $ KUBECONFIG=.local/data-store.kubeconfig cargo run -p tonic-kube-auth --example axum
//! $ TOKEN=$(kubectl --kubeconfig .local/kubeconfig create token api -n api --audience data-store)
//! $ curl -H "authorization: Bearer $TOKEN" http://127.0.0.1:8082/
//! api/api
//! $ curl -i http://127.0.0.1:8082/
//! HTTP/1.1 401 Unauthorized
//! www-authenticate: Bearer
//! ```

use std::{error::Error, net::SocketAddr};

use axum::{
    Extension, Router,
    extract::{ConnectInfo, Request},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tokio::net::TcpListener;
use tonic::transport::server::TcpConnectInfo;
use tonic_kube_auth::{AllowList, Audience, AuthLayer, Cached, Caller, TokenReviewer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let audience: Audience = "data-store".parse()?;
    let reviewer = TokenReviewer::connect(kube::Config::infer().await?, audience.clone())?;
    let auth = AuthLayer::new(
        Cached::new(reviewer, audience),
        "api/api".parse::<AllowList>()?,
    );

    let app = Router::new()
        .route("/", get(who_am_i))
        // For the routes above it, and for none of those below.
        .route_layer(auth)
        .route("/healthz", get(async || "ok\n"))
        // Outside the check, so that a flood from one machine is told from the calls of others.
        .layer(middleware::from_fn(tell_peer))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:8082").await?;
    Ok(axum::serve(listener, app).await?)
}

/// A handler that takes a `Caller` runs for nobody else.
async fn who_am_i(Extension(caller): Extension<Caller>) -> String {
    format!("{}\n", caller.service_account())
}

/// Tells the check which machine calls, in the words of tonic's own server.
async fn tell_peer(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let connection = TcpConnectInfo {
        local_addr: None,
        remote_addr: Some(peer),
    };
    request.extensions_mut().insert(connection);
    next.run(request).await
}
