use std::{
    collections::HashSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus_client::{encoding::text::encode, registry::Registry};

use super::{AfterRefusal, ClientMetrics, Refresh};

fn registered() -> (Registry, ClientMetrics) {
    let mut registry = Registry::default();
    let metrics = ClientMetrics::register(registry.sub_registry_with_prefix("auth_client"));
    (registry, metrics)
}

/// What is exposed, in an order of its own for the samples of a series, which have none.
fn exposed(registry: &Registry) -> Vec<String> {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    for samples in lines.chunk_by_mut(|one, other| one.starts_with('#') == other.starts_with('#')) {
        if samples.iter().all(|line| !line.starts_with('#')) {
            samples.sort();
        }
    }
    lines
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn every_series_is_there_before_anything_has_happened() {
    let (registry, _metrics) = registered();

    assert_eq!(
        exposed(&registry),
        r#"# HELP auth_client_token_refreshes Reads of the token file.
# TYPE auth_client_token_refreshes counter
auth_client_token_refreshes_total{result="failed",reason="expired"} 0
auth_client_token_refreshes_total{result="failed",reason="io"} 0
auth_client_token_refreshes_total{result="failed",reason="malformed"} 0
auth_client_token_refreshes_total{result="failed",reason="not_found"} 0
auth_client_token_refreshes_total{result="failed",reason="permission_denied"} 0
auth_client_token_refreshes_total{result="failed",reason="slow"} 0
auth_client_token_refreshes_total{result="ok",reason="new"} 0
auth_client_token_refreshes_total{result="ok",reason="unchanged"} 0
# HELP auth_client_token_expiration_timestamp_seconds When the last good token expires, or 0 when it does not say.
# TYPE auth_client_token_expiration_timestamp_seconds gauge
# UNIT auth_client_token_expiration_timestamp_seconds seconds
auth_client_token_expiration_timestamp_seconds 0
# HELP auth_client_token_refresh_timestamp_seconds When the token file was last read and held a good token.
# TYPE auth_client_token_refresh_timestamp_seconds gauge
# UNIT auth_client_token_refresh_timestamp_seconds seconds
auth_client_token_refresh_timestamp_seconds 0
# HELP auth_client_token_refusals Calls whose token was refused and another might have been welcome.
# TYPE auth_client_token_refusals counter
auth_client_token_refusals_total{result="accepted"} 0
auth_client_token_refusals_total{result="failed"} 0
auth_client_token_refusals_total{result="no_other_token"} 0
auth_client_token_refusals_total{result="not_repeatable"} 0
auth_client_token_refusals_total{result="refused_again"} 0
# EOF"#
            .lines()
            .collect::<Vec<_>>()
    );
}

#[test]
fn what_happens_is_counted_by_every_clone() {
    let (registry, metrics) = registered();
    let before: HashSet<_> = exposed(&registry).into_iter().collect();

    let clone = metrics.clone();
    metrics.read(Refresh::New, Some(at(1_000)), at(100));
    clone.read(Refresh::Unchanged, Some(at(1_000)), at(200));
    clone.failed(Refresh::Slow);
    metrics.refused(AfterRefusal::NoOtherToken);
    clone.refused(AfterRefusal::NoOtherToken);

    let mut changed = exposed(&registry);
    changed.retain(|line| !before.contains(line));
    assert_eq!(
        changed,
        [
            r#"auth_client_token_refreshes_total{result="failed",reason="slow"} 1"#,
            r#"auth_client_token_refreshes_total{result="ok",reason="new"} 1"#,
            r#"auth_client_token_refreshes_total{result="ok",reason="unchanged"} 1"#,
            "auth_client_token_expiration_timestamp_seconds 1000",
            "auth_client_token_refresh_timestamp_seconds 200",
            r#"auth_client_token_refusals_total{result="no_other_token"} 2"#,
        ]
    );
}

#[test]
fn an_expiry_that_is_not_told_is_zero_and_one_that_has_passed_stays() {
    let (registry, metrics) = registered();
    let expiration = || {
        let lines = exposed(&registry).into_iter();
        let mut samples =
            lines.filter(|line| line.starts_with("auth_client_token_expiration_timestamp_seconds"));
        samples.next().unwrap()
    };

    metrics.read(Refresh::New, Some(at(1_000)), at(100));
    metrics.failed(Refresh::NotFound);
    assert!(expiration().ends_with(" 1000"));

    metrics.read(Refresh::New, None, at(2_000));
    assert!(expiration().ends_with(" 0"));
}
