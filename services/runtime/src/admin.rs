//! The admin server: what a kubelet asks a program about itself.

use axum::{Router, http::StatusCode, routing::get};

use crate::Readiness;

/// Answers `/livez` (200 while the runtime turns) and `/readyz` (200 or 503, with a line for each condition).
///
/// It takes no token; bind it where only probes reach it.
pub fn admin(readiness: Readiness) -> Router {
    let readyz = async move || {
        let status = if readiness.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, readiness.to_string())
    };
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
}
