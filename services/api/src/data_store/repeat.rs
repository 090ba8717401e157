//! Which calls are made once more, and when.
//!
//! Only those that do nothing a second time that the first did not do, only when the answer is UNAVAILABLE, and only so few that a data
//! store in trouble is not asked much more often than one that is well.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;
use tonic::Status;
use tonic_kube_auth::ERROR_DOMAIN;
use tonic_types::StatusExt as _;
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::{data_store::backoff::Backoff, error};

/// How often a call is made at most, the first time included.
const MAX_ATTEMPTS: u32 = 3;

/// What may be repeated of the calls made in this time: a tenth, and a few every second for a client that calls too seldom to have a tenth.
const BUDGET_SPAN: Duration = Duration::from_secs(10);
const BUDGET_SHARE: f32 = 0.1;
const BUDGET_PER_SECOND: u32 = 3;

/// How long to wait before each repetition, unless the data store says how long.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(25),
    factor: 2.0,
    max: Duration::from_secs(1),
};

/// Nobody waits longer for an address that backs off: what was away for so long will not be back in a moment.
const MAX_REST: Duration = Duration::from_secs(2);

/// Decides on repetitions. Clones share the budget.
#[derive(Clone)]
pub(super) struct Repeats {
    budget: Arc<TpsBudget>,
}

// === impl Repeats ===

impl Repeats {
    pub(super) fn new() -> Self {
        let budget = TpsBudget::new(BUDGET_SPAN, BUDGET_PER_SECOND, BUDGET_SHARE);
        Self {
            budget: Arc::new(budget),
        }
    }

    /// A call is made, and with it there is a tenth of a repetition more.
    pub(super) fn note_call(&self) {
        self.budget.deposit();
    }

    /// How long to wait until a call is made again that failed so often, at last with `status`; nothing when that is the answer.
    ///
    /// `rest` is how long no call will get through.
    pub(super) fn wait(
        &self,
        failures: u32,
        status: &Status,
        rest: Duration,
        deadline: Instant,
    ) -> Option<Duration> {
        if failures >= MAX_ATTEMPTS || !may_pass(status) || rest > MAX_REST {
            return None;
        }
        let wait = retry_delay(status).unwrap_or_else(|| rest + BACKOFF.after(failures));
        let fits = Instant::now() + wait < deadline;
        (fits && self.budget.withdraw()).then_some(wait)
    }
}

impl fmt::Debug for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeats").finish_non_exhaustive()
    }
}

/// Whether the same call may well succeed a moment later.
fn may_pass(status: &Status) -> bool {
    // Another token comes when the kubelet brings it, and not in a moment.
    let has_no_token = status
        .get_details_error_info()
        .is_some_and(|info| info.domain == ERROR_DOMAIN && info.reason == "NO_TOKEN");
    error::is_unavailable(status) && !has_no_token
}

/// How long the data store asks to wait.
fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{self, Instant};
    use tonic::{Code, Status, TimeoutExpired};
    use tonic_kube_auth::ERROR_DOMAIN;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::Repeats;

    const SECOND: Duration = Duration::from_secs(1);

    fn unavailable() -> Status {
        Status::unavailable("for a moment")
    }

    fn wait(repeats: &Repeats, failures: u32, status: &Status) -> Option<Duration> {
        let deadline = Instant::now() + 5 * SECOND;
        repeats.wait(failures, status, Duration::ZERO, deadline)
    }

    /// How many repetitions are granted now.
    fn granted(repeats: &Repeats) -> usize {
        let ask = || wait(repeats, 1, &unavailable());
        std::iter::from_fn(ask).count()
    }

    #[tokio::test(start_paused = true)]
    async fn only_unavailable_is_repeated() {
        let repeats = Repeats::new();
        for code in (1..=16).map(Code::from_i32) {
            let repeated = wait(&repeats, 1, &Status::new(code, "")).is_some();

            assert_eq!(repeated, code == Code::Unavailable, "{code:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_channel_that_fails_is_unavailable_and_one_that_is_slow_is_not() {
        let repeats = Repeats::new();
        let failed = Status::from_error(Box::new(std::io::Error::other("connection reset")));
        let late = Status::from_error(Box::new(TimeoutExpired(())));

        assert!(wait(&repeats, 1, &failed).is_some());
        assert_eq!(wait(&repeats, 1, &late), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_not_made_for_lack_of_a_token_is_not_repeated() {
        let details = ErrorDetails::with_error_info("NO_TOKEN", ERROR_DOMAIN, []);
        let status = Status::with_error_details(Code::Unavailable, "no token", details);

        assert_eq!(wait(&Repeats::new(), 1, &status), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_made_three_times_at_most_with_waits_that_double() {
        let repeats = Repeats::new();
        let waits = [1, 2, 3].map(|failures| wait(&repeats, failures, &unavailable()));

        let [Some(first), Some(second), None] = waits else {
            panic!("{waits:?}");
        };
        let about = |millis: u64| {
            Duration::from_millis(millis * 8 / 10)..=Duration::from_millis(millis * 12 / 10)
        };
        assert!(about(25).contains(&first), "{first:?}");
        assert!(about(50).contains(&second), "{second:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_data_store_says_how_long_to_wait_and_the_deadline_whether_to() {
        let repeats = Repeats::new();
        let mk_status = |delay| {
            let details = ErrorDetails::with_retry_info(Some(delay));
            Status::with_error_details(Code::Unavailable, "overloaded", details)
        };

        assert_eq!(wait(&repeats, 1, &mk_status(2 * SECOND)), Some(2 * SECOND));
        assert_eq!(wait(&repeats, 1, &mk_status(5 * SECOND)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_addresses_that_back_off_for_a_moment() {
        let repeats = Repeats::new();
        let deadline = Instant::now() + 5 * SECOND;
        let wait = |rest| repeats.wait(1, &unavailable(), rest, deadline);

        assert!(wait(SECOND / 2).is_some_and(|wait| wait > SECOND / 2));
        assert_eq!(wait(3 * SECOND), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenth_of_the_calls_is_repeated_and_three_in_a_second() {
        let repeats = Repeats::new();
        let same = repeats.clone();
        for _ in 0..1_000 {
            repeats.note_call();
        }

        assert_eq!(granted(&repeats), 100 + 30);
        assert_eq!(granted(&same), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_client_may_repeat_again_after_a_while() {
        let repeats = Repeats::new();
        assert_eq!(granted(&repeats), 30);

        time::advance(11 * SECOND).await;
        repeats.note_call();

        assert_eq!(granted(&repeats), 30);
    }
}
