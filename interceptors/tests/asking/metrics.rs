//! What is counted of all that.

use std::time::Duration;

use futures::FutureExt as _;
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::time;
use tonic_kube_auth::{Refusal, ServerMetrics};

use crate::authority::{
    Answer, Layer, NOW, ScriptedAuthority, call, mk_call, mk_layer, mk_token, mk_token_until,
};

/// A layer before an authority, and where its counts are shown.
fn mk_counted(authority: &ScriptedAuthority) -> (Layer, Registry) {
    let mut registry = Registry::default();
    let metrics = ServerMetrics::register(registry.sub_registry_with_prefix("auth_server"));
    let cached = authority.cached().with_max_reviews_in_flight(1);
    (mk_layer(cached.with_metrics(metrics)), registry)
}

/// Every sample that is not zero, without the histograms.
fn shown(registry: &Registry) -> Vec<String> {
    let mut text = String::new();
    encode(&mut text, registry).expect("counts can be written");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let mut samples: Vec<_> = samples
        .filter(|line| !line.ends_with(" 0") && !line.contains("review_duration"))
        .map(str::to_owned)
        .collect();
    samples.sort_unstable();
    samples
}

#[tokio::test(start_paused = true)]
async fn every_verdict_and_its_reason_is_counted_apart() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let (layer, registry) = mk_counted(&authority);

    call(&layer, &mk_token(1)).await.unwrap();
    call(&layer, &mk_token(1)).await.unwrap();
    call(&layer, &mk_token_until(2, NOW - 100))
        .await
        .unwrap_err();
    call(&layer, "dummy").await.unwrap_err();
    let mut silent = mk_call(&mk_token(1), 1);
    silent.headers.clear();
    layer.check(&mut silent).await.unwrap_err();
    for (number, refusal) in [
        (3, Refusal::Rejected),
        (4, Refusal::Revoked),
        (5, Refusal::KubernetesUnavailable),
        (6, Refusal::VerifierMisconfigured),
    ] {
        authority.now_answers(Answer::No(refusal));
        call(&layer, &mk_token(number)).await.unwrap_err();
    }

    assert_eq!(
        shown(&registry),
        [
            "auth_server_cache_entries 3",
            r#"auth_server_cache_lookups_total{outcome="hit"} 1"#,
            r#"auth_server_cache_lookups_total{outcome="miss"} 5"#,
            r#"auth_server_requests_total{result="admitted",reason="ADMITTED"} 2"#,
            r#"auth_server_requests_total{result="failed",reason="KUBERNETES_UNAVAILABLE"} 1"#,
            r#"auth_server_requests_total{result="failed",reason="VERIFIER_MISCONFIGURED"} 1"#,
            r#"auth_server_requests_total{result="refused",reason="TOKEN_EXPIRED"} 1"#,
            r#"auth_server_requests_total{result="refused",reason="TOKEN_MALFORMED"} 1"#,
            r#"auth_server_requests_total{result="refused",reason="TOKEN_MISSING"} 1"#,
            r#"auth_server_requests_total{result="refused",reason="TOKEN_REJECTED"} 1"#,
            r#"auth_server_requests_total{result="refused",reason="TOKEN_REVOKED"} 1"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_shared_shed_under_way_and_spent_of_the_budget_is_counted() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let (layer, registry) = mk_counted(&authority);
    call(&layer, &mk_token(1)).await.unwrap();
    time::advance(Duration::from_secs(20)).await;
    authority.holds_back();

    let (token, layer) = (mk_token(1), &layer);
    let mut first = Box::pin(call(layer, &token));
    let mut joining = Box::pin(call(layer, &token));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(joining.as_mut().now_or_never().is_none());
    call(layer, &mk_token(2)).await.unwrap_err();
    authority.is_asked(2).await;
    assert!(shown(&registry).contains(&"auth_server_reviews_in_flight 1".to_owned()));
    authority.now_answers(Answer::No(Refusal::KubernetesUnavailable));
    authority.lets_go();
    first.await.unwrap();
    joining.await.unwrap();

    assert_eq!(
        shown(&registry),
        [
            "auth_server_cache_entries 1",
            r#"auth_server_cache_lookups_total{outcome="expired"} 1"#,
            r#"auth_server_cache_lookups_total{outcome="joined"} 1"#,
            r#"auth_server_cache_lookups_total{outcome="miss"} 2"#,
            "auth_server_outage_budget_accepted_total 2",
            r#"auth_server_requests_total{result="admitted",reason="ADMITTED"} 3"#,
            r#"auth_server_requests_total{result="failed",reason="OVERLOADED"} 1"#,
            "auth_server_reviews_shed_total 1",
        ]
    );
}
