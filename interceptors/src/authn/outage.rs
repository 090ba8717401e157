//! While Kubernetes cannot be asked.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long a failed review shows that Kubernetes cannot be asked: as long as a proof counts, and longer than a review may take.
const LIFE: Duration = Duration::from_secs(10);

/// How long to wait, during an outage, before asking again about somebody who was proven.
const PAUSE: Duration = Duration::from_secs(1);

/// Knows whether reviews are answered, and who was accepted meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    /// When a review failed last, unless one that began later was answered.
    failed_at: Option<Instant>,
    answered_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// How many calls of proven callers were accepted without an answer since the last one.
    accepted: u64,
}

// === impl Outage ===

impl Outage {
    /// Whether a review failed not long ago, and none was answered since.
    pub(crate) fn is_on(&self, now: Instant) -> bool {
        self.record().is_on(now)
    }

    /// Whether to ask again about somebody who was proven; once in a while is enough during an outage.
    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        let mut record = self.record();
        let is_due = |at| now.saturating_duration_since(at) >= PAUSE;
        let may_ask = !record.is_on(now) || record.asked_at.is_none_or(is_due);
        if may_ask {
            record.asked_at = Some(now);
        }
        may_ask
    }

    /// Notes that a review, begun at this time, could not be made.
    pub(crate) fn failed(&self, began: Instant, now: Instant) {
        let mut record = self.record();
        // One that hung for long says nothing of what was answered meanwhile.
        if record.answered_at.is_none_or(|at| at < began) {
            record.failed_at = Some(now);
        }
    }

    /// Notes that a review was answered.
    pub(crate) fn answered(&self, now: Instant) {
        let mut record = self.record();
        record.failed_at = None;
        record.answered_at = Some(now);
        if record.accepted > 0 {
            tracing::info!(
                accepted = record.accepted,
                "Kubernetes can be asked again; no caller is accepted on an old proof any more"
            );
            record.accepted = 0;
        }
    }

    /// Notes that a proven caller was accepted without asking.
    pub(crate) fn accepted(&self, budget: Duration) {
        let mut record = self.record();
        record.accepted += 1;
        if record.accepted == 1 {
            tracing::warn!(
                ?budget,
                "Kubernetes cannot be asked; callers stay accepted for this long after they were proven"
            );
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Nothing in here panics; and if it did, the record would still be one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Record ===

impl Record {
    fn is_on(&self, now: Instant) -> bool {
        self.failed_at
            .is_some_and(|at| now.saturating_duration_since(at) < LIFE)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{self, Instant};

    use super::Outage;

    const SECOND: Duration = Duration::from_secs(1);

    fn fail(outage: &Outage) {
        outage.failed(Instant::now(), Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn while_nobody_answers_one_question_a_second_is_enough_and_goes_on() {
        let outage = Outage::default();
        assert!(outage.may_ask(Instant::now()) && outage.may_ask(Instant::now()));
        fail(&outage);
        assert!(!outage.may_ask(Instant::now()));

        let mut asked = 0;
        for _tenth in 0..100 {
            time::advance(SECOND / 10).await;
            // However often others fail.
            fail(&outage);
            asked += u32::from(outage.may_ask(Instant::now()));
        }

        assert_eq!(asked, 10);
        outage.answered(Instant::now());
        assert!(outage.may_ask(Instant::now()) && outage.may_ask(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_of_long_ago_shows_nothing() {
        let outage = Outage::default();
        fail(&outage);

        time::advance(9 * SECOND).await;
        assert!(outage.is_on(Instant::now()));
        time::advance(SECOND).await;
        assert!(!outage.is_on(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_review_that_hung_says_nothing_of_one_that_was_answered_meanwhile() {
        let outage = Outage::default();
        let began = Instant::now();
        time::advance(SECOND).await;
        outage.answered(Instant::now());
        time::advance(SECOND).await;

        outage.failed(began, Instant::now());

        assert!(!outage.is_on(Instant::now()));
    }
}
