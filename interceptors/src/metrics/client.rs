//! What the calling side counts.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, LabelSetEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// The metrics of the calling side; give them to a source with [`TokenSource::with_metrics`](crate::TokenSource::with_metrics).
///
/// | series | labels | says |
/// |---|---|---|
/// | `token_refreshes_total` | `result`, `reason` | reads of the token file: `ok` when it holds a token that is `new` or `unchanged`, or `failed`, and why |
/// | `token_expiration_timestamp_seconds` | | when the last good token expires, or did; 0 when it does not say |
/// | `token_refresh_timestamp_seconds` | | when the file was last read and held a good token |
/// | `token_refusals_total` | `result` | what became of calls whose token was refused and another might have been welcome: made again and `accepted`, `refused_again` or `failed`; not made again because there is `no_other_token`, or because the request is `not_repeatable` |
///
/// A token that will not live much longer is worth an alert; the other series say why. Clones count together. The default counts too, and
/// nobody is shown.
///
/// ```
/// # use prometheus_client::registry::Registry;
/// # use tonic_kube_auth::{ClientMetrics, TokenSource};
/// let mut registry = Registry::default();
/// let metrics = ClientMetrics::register(registry.sub_registry_with_prefix("auth_client"));
/// let source = TokenSource::new("/var/run/secrets/tokens/api-token").with_metrics(metrics);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientMetrics(Arc<Series>);

/// What one read of the token file came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refresh {
    New,
    Unchanged,
    NotFound,
    PermissionDenied,
    Io,
    Slow,
    Malformed,
    Expired,
}

/// What became of a call whose token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AfterRefusal {
    Accepted,
    RefusedAgain,
    Failed,
    NoOtherToken,
    NotRepeatable,
}

#[derive(Debug, Default)]
struct Series {
    refreshes: Family<Refresh, Counter>,
    expiration: Gauge,
    refresh: Gauge,
    refusals: Family<AfterRefusal, Counter>,
}

// === impl ClientMetrics ===

impl ClientMetrics {
    /// Registers every series, at zero.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let series = &metrics.0;
        for refresh in Refresh::ALL {
            drop(series.refreshes.get_or_create(&refresh));
        }
        for then in AfterRefusal::ALL {
            drop(series.refusals.get_or_create(&then));
        }
        registry.register(
            "token_refreshes",
            "Reads of the token file",
            series.refreshes.clone(),
        );
        registry.register_with_unit(
            "token_expiration_timestamp",
            "When the last good token expires, or 0 when it does not say",
            Unit::Seconds,
            series.expiration.clone(),
        );
        registry.register_with_unit(
            "token_refresh_timestamp",
            "When the token file was last read and held a good token",
            Unit::Seconds,
            series.refresh.clone(),
        );
        registry.register(
            "token_refusals",
            "Calls whose token was refused and another might have been welcome",
            series.refusals.clone(),
        );
        metrics
    }

    /// Counts a read of the file that found a good token.
    pub(crate) fn read(&self, refresh: Refresh, expires_at: Option<SystemTime>, now: SystemTime) {
        let series = &self.0;
        series.refreshes.get_or_create(&refresh).inc();
        series.expiration.set(expires_at.map_or(0, timestamp));
        series.refresh.set(timestamp(now));
    }

    /// Counts a read of the file that did not.
    pub(crate) fn failed(&self, why: Refresh) {
        self.0.refreshes.get_or_create(&why).inc();
    }

    pub(crate) fn refused(&self, then: AfterRefusal) {
        self.0.refusals.get_or_create(&then).inc();
    }
}

fn timestamp(at: SystemTime) -> i64 {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}

// === impl Refresh ===

impl Refresh {
    const ALL: [Self; 8] = [
        Self::New,
        Self::Unchanged,
        Self::NotFound,
        Self::PermissionDenied,
        Self::Io,
        Self::Slow,
        Self::Malformed,
        Self::Expired,
    ];

    fn result(self) -> &'static str {
        match self {
            Self::New | Self::Unchanged => "ok",
            Self::NotFound
            | Self::PermissionDenied
            | Self::Io
            | Self::Slow
            | Self::Malformed
            | Self::Expired => "failed",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unchanged => "unchanged",
            Self::NotFound => "not_found",
            Self::PermissionDenied => "permission_denied",
            Self::Io => "io",
            Self::Slow => "slow",
            Self::Malformed => "malformed",
            Self::Expired => "expired",
        }
    }
}

impl EncodeLabelSet for Refresh {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        [("result", self.result()), ("reason", self.as_str())].encode(encoder)
    }
}

// === impl AfterRefusal ===

impl AfterRefusal {
    const ALL: [Self; 5] = [
        Self::Accepted,
        Self::RefusedAgain,
        Self::Failed,
        Self::NoOtherToken,
        Self::NotRepeatable,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::RefusedAgain => "refused_again",
            Self::Failed => "failed",
            Self::NoOtherToken => "no_other_token",
            Self::NotRepeatable => "not_repeatable",
        }
    }
}

impl EncodeLabelSet for AfterRefusal {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        [("result", self.as_str())].encode(encoder)
    }
}

#[cfg(test)]
mod tests;
