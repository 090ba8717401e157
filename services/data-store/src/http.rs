//! The data store in plain HTTP, as the original article's was: one greeting, for callers that were authenticated.

use axum::{Extension, Router, routing::get};
use tonic_kube_auth::{AllowList, AuthLayer, Caller, TokenReviewer};

use crate::service::GREETING;

/// `GET /`, behind the very check that guards the gRPC methods.
pub(crate) fn routes(auth: AuthLayer<TokenReviewer, AllowList>) -> Router {
    Router::new().route("/", get(greet)).route_layer(auth)
}

/// That there is a `Caller` to take is the proof that it was checked.
async fn greet(Extension(_proof): Extension<Caller>) -> &'static str {
    GREETING
}
