//! While Kubernetes cannot be asked.

use std::{
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long to leave Kubernetes alone after it failed to answer, before asking again about somebody who was proven.
const PAUSE: Duration = Duration::from_secs(1);

/// Knows whether reviews are answered, and who was accepted meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// Whether the last review failed to be answered.
    is_on: AtomicBool,
    /// Whether anybody was accepted without an answer since the last one.
    in_use: AtomicBool,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    asked_at: Option<Instant>,
    /// How many calls of proven callers were accepted without an answer.
    accepted: u64,
}

// === impl Outage ===

impl Outage {
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Whether to ask again about somebody who was proven; once in a while is enough during an outage.
    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        if !self.is_on() {
            return true;
        }
        let mut record = self.record();
        let is_due = record
            .asked_at
            .is_none_or(|at| now.duration_since(at) >= PAUSE);
        if is_due {
            record.asked_at = Some(now);
        }
        is_due
    }

    /// Notes that a review could not be made.
    pub(crate) fn begins(&self, now: Instant) {
        self.record().asked_at = Some(now);
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// Notes that a review was answered.
    pub(crate) fn ends(&self) {
        if self.is_on() {
            self.is_on.store(false, Ordering::Relaxed);
        }
        if self.in_use.swap(false, Ordering::Relaxed) {
            let accepted = mem::take(&mut self.record().accepted);
            tracing::info!(
                accepted,
                "Kubernetes can be asked again; no caller is accepted on an old proof any more"
            );
        }
    }

    /// Notes that a proven caller was accepted without asking.
    pub(crate) fn accepted(&self, budget: Duration) {
        self.record().accepted += 1;
        if !self.in_use.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                ?budget,
                "Kubernetes cannot be asked; callers stay accepted for this long after they were proven"
            );
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Nothing in here panics; and if it did, the counts would still be counts.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{self, Instant};

    use super::Outage;

    #[tokio::test(start_paused = true)]
    async fn while_nobody_answers_one_question_a_second_is_enough() {
        let outage = Outage::default();
        assert!(outage.may_ask(Instant::now()) && outage.may_ask(Instant::now()));

        outage.begins(Instant::now());

        assert!(!outage.may_ask(Instant::now()));
        time::advance(Duration::from_secs(1)).await;
        assert!(outage.may_ask(Instant::now()));
        assert!(!outage.may_ask(Instant::now()), "that one is under way");

        outage.ends();
        assert!(outage.may_ask(Instant::now()));
    }
}
