//! What a Prometheus would be shown.

use std::{fs, time::UNIX_EPOCH};

use tonic_kube_auth::{Token, UnverifiedClaims};

use crate::support::{Kubernetes, Program, get, header_of, text};

/// The value of a series without labels.
fn value<'a>(metrics: &'a str, series: &str) -> &'a str {
    let mut lines = metrics.lines();
    let sample = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    sample.expect("the series must be there")
}

#[tokio::test]
async fn the_api_shows_when_its_token_expires() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let api = Program::api(&kubernetes, data_store.addr).await;
    let token = fs::read_to_string(kubernetes.paths.api_token()).unwrap();
    let claims = UnverifiedClaims::read(&Token::parse(token.trim()).unwrap()).unwrap();
    let expires_at = claims.expires_at.unwrap();

    let metrics = get(api.admin_addr, "/metrics").await;

    assert_eq!(metrics.status(), 200);
    assert_eq!(
        header_of(metrics.headers(), "content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let expiration = value(
        text(&metrics),
        "auth_client_token_expiration_timestamp_seconds",
    );
    let expires_at = expires_at.duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(expiration, expires_at.as_secs().to_string());
    assert!(text(&metrics).ends_with("# EOF\n"));
}
