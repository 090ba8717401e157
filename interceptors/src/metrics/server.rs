//! What the called side counts.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::Refusal;

/// In seconds: a healthy API server answers in one to five milliseconds, and is given up after three seconds.
const REVIEW_BUCKETS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Counts verdicts, what they cost, and how the questions to Kubernetes went. Clones count together.
///
/// The default counts too, and shows it to nobody.
#[derive(Clone, Debug)]
pub struct ServerMetrics {
    requests: Family<Verdict, Counter>,
    /// Of `requests`, the one that every warm call counts.
    admitted: Counter,
    lookups: Family<LookupLabels, Counter>,
    hits: Counter,
    entries: Gauge,
    reviews: Family<ReviewLabels, Histogram>,
    reviews_in_flight: Gauge,
    reviews_shed: Counter,
    accepted_in_outage: Counter,
}

/// How the cache answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lookup {
    /// From memory.
    Hit,
    /// Not at all, so that somebody had to be asked.
    Miss,
    /// With a question that was under way.
    Joined,
    /// With what was too old, so that somebody had to be asked again.
    Expired,
}

/// What came of one question to Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReviewResult {
    Genuine,
    Refused,
    Deadline,
    Transport,
    BrokenOff,
    Status,
    NotJson,
    Meaningless,
    Unauthorized,
    Forbidden,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    result: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    outcome: Lookup,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReviewLabels {
    result: ReviewResult,
}

/// Counts one review as under way until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Gauge);

// === impl ServerMetrics ===

impl ServerMetrics {
    /// Makes the series, and shows them in `registry`. The caller chooses the prefix: `registry.sub_registry_with_prefix("auth_server")`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "requests",
            "Verdicts: result admitted, refused (the caller's fault) or failed (not the caller's), and the reason as callers are told it",
            metrics.requests.clone(),
        );
        registry.register(
            "cache_lookups",
            "How the cache answered; joined shared a question that was under way",
            metrics.lookups.clone(),
        );
        registry.register(
            "cache_entries",
            "Tokens remembered, proven and refused",
            metrics.entries.clone(),
        );
        registry.register_with_unit(
            "review_duration",
            "Time at the Kubernetes API for one TokenReview",
            Unit::Seconds,
            metrics.reviews.clone(),
        );
        registry.register(
            "reviews_in_flight",
            "TokenReviews under way",
            metrics.reviews_in_flight.clone(),
        );
        registry.register(
            "reviews_shed",
            "TokenReviews not made because too many were under way",
            metrics.reviews_shed.clone(),
        );
        registry.register(
            "outage_budget_accepted",
            "Calls of proven callers accepted while Kubernetes could not be asked",
            metrics.accepted_in_outage.clone(),
        );
        metrics
    }

    pub(crate) fn admitted(&self) {
        self.admitted.inc();
    }

    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.requests.get_or_create(&Verdict::of(refusal)).inc();
    }

    pub(crate) fn looked_up(&self, outcome: Lookup) {
        match outcome {
            Lookup::Hit => self.hits.inc(),
            Lookup::Miss | Lookup::Joined | Lookup::Expired => {
                let labels = LookupLabels { outcome };
                self.lookups.get_or_create(&labels).inc()
            }
        };
    }

    pub(crate) fn remembers(&self, entries: usize) {
        self.entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    pub(crate) fn review_under_way(&self) -> UnderWay {
        self.reviews_in_flight.inc();
        UnderWay(self.reviews_in_flight.clone())
    }

    pub(crate) fn reviewed(&self, result: ReviewResult, took: Duration) {
        let labels = ReviewLabels { result };
        self.reviews
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    pub(crate) fn shed(&self) {
        self.reviews_shed.inc();
    }

    pub(crate) fn accepted_in_outage(&self) {
        self.accepted_in_outage.inc();
    }
}

impl Default for ServerMetrics {
    fn default() -> Self {
        let requests = Family::<Verdict, Counter>::default();
        let lookups = Family::<LookupLabels, Counter>::default();
        let reviews = Family::<ReviewLabels, Histogram>::new_with_constructor(|| {
            Histogram::new(REVIEW_BUCKETS)
        });
        for outcome in Lookup::ALL {
            drop(lookups.get_or_create(&LookupLabels { outcome }));
        }
        for result in ReviewResult::ALL {
            drop(reviews.get_or_create(&ReviewLabels { result }));
        }
        Self {
            admitted: requests.get_or_create_owned(&Verdict {
                result: "admitted",
                reason: "ADMITTED",
            }),
            hits: lookups.get_or_create_owned(&LookupLabels {
                outcome: Lookup::Hit,
            }),
            requests,
            lookups,
            entries: Gauge::default(),
            reviews,
            reviews_in_flight: Gauge::default(),
            reviews_shed: Counter::default(),
            accepted_in_outage: Counter::default(),
        }
    }
}

// === impl Lookup ===

impl Lookup {
    const ALL: [Self; 4] = [Self::Hit, Self::Miss, Self::Joined, Self::Expired];

    fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Joined => "joined",
            Self::Expired => "expired",
        }
    }
}

impl EncodeLabelValue for Lookup {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        self.as_str().encode(encoder)
    }
}

// === impl ReviewResult ===

impl ReviewResult {
    const ALL: [Self; 10] = [
        Self::Genuine,
        Self::Refused,
        Self::Deadline,
        Self::Transport,
        Self::BrokenOff,
        Self::Status,
        Self::NotJson,
        Self::Meaningless,
        Self::Unauthorized,
        Self::Forbidden,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::Refused => "refused",
            Self::Deadline => "deadline",
            Self::Transport => "transport",
            Self::BrokenOff => "broken_off",
            Self::Status => "status",
            Self::NotJson => "not_json",
            Self::Meaningless => "meaningless",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
        }
    }
}

impl EncodeLabelValue for ReviewResult {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        self.as_str().encode(encoder)
    }
}

// === impl Verdict ===

impl Verdict {
    fn of(refusal: &Refusal) -> Self {
        Self {
            result: if refusal.blames_caller() {
                "refused"
            } else {
                "failed"
            },
            reason: refusal.reason().unwrap_or("DEADLINE_EXCEEDED"),
        }
    }
}

// === impl UnderWay ===

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}
