//! The admin server: what a kubelet and a Prometheus ask a program about itself.

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::Readiness;

/// The text format that `prometheus-client` writes.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers `/livez` (200 while the runtime turns), `/readyz` (200 or 503, with a line for each condition) and `/metrics`.
///
/// It takes no token; bind it where only those who may know reach it.
pub fn admin(readiness: Readiness, metrics: Registry) -> Router {
    let readyz = async move || {
        let status = if readiness.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, readiness.to_string())
    };
    let metrics = Arc::new(metrics);
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(async move || expose(&metrics)))
}

fn expose(metrics: &Registry) -> impl IntoResponse + use<> {
    let mut text = String::new();
    encode(&mut text, metrics)
        .map(|()| ([(header::CONTENT_TYPE, OPENMETRICS)], text))
        .map_err(|_metric_without_a_text| StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::{Request, header},
    };
    use prometheus_client::{metrics::counter::Counter, registry::Registry};
    use tower::ServiceExt as _;

    use super::admin;
    use crate::Readiness;

    #[tokio::test]
    async fn shows_what_is_counted_as_it_is_now() {
        let mut registry = Registry::default();
        let calls: Counter = Counter::default();
        registry.register("calls", "Calls so far", calls.clone());
        let router = admin(Readiness::new(), registry);
        let request = || Request::get("/metrics").body(Body::empty()).unwrap();
        router.clone().oneshot(request()).await.unwrap();

        calls.inc();
        let response = router.oneshot(request()).await.unwrap();

        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        let text = to_bytes(response.into_body(), 1024).await.unwrap();
        assert_eq!(
            text,
            "# HELP calls Calls so far.\n# TYPE calls counter\ncalls_total 1\n# EOF\n"
        );
    }
}
