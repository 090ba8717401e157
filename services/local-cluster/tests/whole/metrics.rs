//! What a Prometheus would be shown.

use std::{fs, time::UNIX_EPOCH};

use tonic_kube_auth::{Token, UnverifiedClaims};

use crate::support::{Kubernetes, Program, get, greet, header_of, text};

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

#[tokio::test]
async fn the_data_store_shows_its_verdicts_and_what_became_of_each_review() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.token("api");
    for _call in 0..3 {
        greet(data_store.addr, Some(&token)).await.unwrap();
    }
    let forged = token.replace('.', "x.");
    greet(data_store.addr, Some(&forged)).await.unwrap_err();
    let other = kubernetes.token("default");
    greet(data_store.addr, Some(&other)).await.unwrap_err();

    let metrics = get(data_store.admin_addr, "/metrics").await;

    for (series, expected) in [
        (
            r#"requests_total{result="admitted",reason="ADMITTED"}"#,
            "3",
        ),
        (
            r#"requests_total{result="refused",reason="CALLER_NOT_ALLOWED"}"#,
            "1",
        ),
        (r#"cache_lookups_total{outcome="hit"}"#, "2"),
        (r#"review_duration_seconds_count{result="genuine"}"#, "2"),
        (r#"review_duration_seconds_count{result="forbidden"}"#, "0"),
        ("reviews_in_flight", "0"),
    ] {
        let series = format!("auth_server_{series}");
        assert_eq!(value(text(&metrics), &series), expected, "{series}");
    }
}
