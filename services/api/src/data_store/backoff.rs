//! How long to wait before trying once more.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// A wait grows no more from here on, so that the exponent stays a small number.
const MAX_FAILURES: u32 = 64;

/// Waits that grow with every failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    /// The wait after one failure.
    pub(super) first: Duration,
    /// How many times as long each further one is.
    pub(super) factor: f64,
    /// The longest, before it is jittered.
    pub(super) max: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// How long to wait after so many failures in a row, of which there is at least one: jittered by a fifth.
    pub(super) fn after(&self, failures: u32) -> Duration {
        let exponent = failures.clamp(1, MAX_FAILURES) - 1;
        let grown = self.first.as_secs_f64() * self.factor.powf(exponent.into());
        jittered(Duration::from_secs_f64(grown.min(self.max.as_secs_f64())))
    }
}

/// A fifth more or less, so that what happened to many at once is not done by all of them at once.
pub(super) fn jittered(wait: Duration) -> Duration {
    let permille = 800 + u32::try_from(random() % 401).unwrap_or_default();
    wait * permille / 1_000
}

/// Any number, by the keys std makes at random.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::{Backoff, jittered};

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_millis(100),
        factor: 1.6,
        max: Duration::from_secs(10),
    };

    /// Whether a wait is what it should be, give or take a fifth and the last digit.
    fn is_about(wait: Duration, seconds: f64) -> bool {
        (seconds * 0.79..=seconds * 1.21).contains(&wait.as_secs_f64())
    }

    #[test]
    fn waits_grow_by_the_factor_up_to_the_longest() {
        for (failures, expected) in [
            (1, 0.1),
            (2, 0.16),
            (3, 0.256),
            (10, 6.87),
            (11, 10.0),
            (12, 10.0),
            (u32::MAX, 10.0),
        ] {
            let wait = BACKOFF.after(failures);

            assert!(is_about(wait, expected), "{failures}: {wait:?}");
        }
    }

    #[test]
    fn waits_differ_by_up_to_a_fifth_either_way() {
        let second = Duration::from_secs(1);

        let waits: HashSet<_> = (0..1_000).map(|_| jittered(second)).collect();

        assert!(waits.len() > 100, "{}", waits.len());
        assert!(waits.iter().all(|wait| is_about(*wait, 1.0)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < second * 9 / 10));
        assert!(waits.iter().any(|wait| *wait > second * 11 / 10));
    }
}
