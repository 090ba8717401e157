//! Every fault of Kubernetes, with a scripted API server and paused time: what the table in README.md says is so.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that finds what it does not expect is to panic, in its helpers too"
)]

mod kubernetes;
mod log;
mod matrix;
mod world;

use std::time::Duration;

use tokio::time::{self, Instant};
use tonic_kube_auth::Standing;

use self::{
    kubernetes::FAULTS,
    log::Log,
    matrix::{Row, rows},
    world::{World, mk_token, mk_token_until},
};

/// How long a proof counts, and a wrong one too.
const CACHE_TTL: Duration = Duration::from_secs(10);

/// Every check of our own standing has been made after so long.
const CHECKED: Duration = Duration::from_secs(10);

/// What a caller is told: the code, and the reason if it is refused.
fn told(row: &Row) -> (String, Option<String>) {
    (row.code.to_owned(), row.reason.map(str::to_owned))
}

fn admitted() -> (String, Option<String>) {
    ("OK".to_owned(), None)
}

#[test]
fn the_table_has_every_fault_once_and_no_other() {
    let faults: Vec<_> = rows().into_iter().map(|row| row.fault).collect();

    assert_eq!(faults, FAULTS);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_known_yet_is_told_what_the_table_says() {
    for row in rows() {
        let world = World::start().await;
        world.set(Some(row.fault));

        assert_eq!(world.call(&mk_token(1)).await, told(&row), "{}", row.fault);
    }
}

#[tokio::test(start_paused = true)]
async fn the_standing_complains_of_what_the_table_says_and_heals_by_itself() {
    for row in rows() {
        let world = World::start().await;
        world.set(Some(row.fault));
        world.call(&mk_token(1)).await;
        time::sleep(CHECKED).await;

        let why = match world.standing() {
            Standing::Good => None,
            Standing::Unavailable { why } | Standing::Misconfigured { why } => Some(why),
            Standing::Unknown => panic!("it was known at the start"),
        };
        match (row.complaint, &why) {
            (None, None) => (),
            (Some(complaint), Some(why)) if why.contains(complaint) => (),
            _ => panic!("{}: {why:?}", row.fault),
        }

        world.set(None);
        time::sleep(CHECKED).await;
        assert_eq!(world.standing(), Standing::Good, "{}", row.fault);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_logged_as_the_table_says_once_and_without_a_piece_of_the_token() {
    for row in rows() {
        let log = Log::capture();
        let world = World::start().await;
        let token = mk_token(1);
        world.set(Some(row.fault));
        world.call(&token).await;
        let logged = log.wait_for(1, &row.level, row.sentence);
        let in_time = time::timeout(CHECKED, logged).await;
        in_time.expect("it must be logged");
        time::sleep(CHECKED).await;

        assert_eq!(
            log.count(&row.level, row.sentence),
            1,
            "{}: {}",
            row.fault,
            log.text()
        );
        world.set(None);
        time::sleep(CHECKED).await;
        let times = 1 + usize::from(row.complaint.is_some());
        assert_eq!(log.count("INFO", "Kubernetes answers our reviews"), times);
        log.assert_has_no_piece_of(&token);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_good_answer_heals_it() {
    for row in rows() {
        let world = World::start().await;
        let token = mk_token(1);
        world.set(Some(row.fault));
        world.call(&token).await;
        world.set(None);

        assert_eq!(world.call(&mk_token(2)).await, admitted(), "{}", row.fault);
        if !row.heals_at_once {
            assert_eq!(world.call(&token).await, told(&row), "{}", row.fault);
            time::sleep(CACHE_TTL).await;
        }
        assert_eq!(world.call(&token).await, admitted(), "{}", row.fault);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_was_proven_stays_accepted_for_a_minute_when_nobody_could_be_asked() {
    for row in rows() {
        let world = World::start().await;
        let token = mk_token(1);
        assert_eq!(world.call(&token).await, admitted());
        let proven_at = Instant::now();
        time::sleep(CACHE_TTL).await;
        world.set(Some(row.fault));

        // A verdict counts at once, also a wrong one.
        let meanwhile = match row.code {
            "UNAVAILABLE" => admitted(),
            _ => told(&row),
        };
        assert_eq!(world.call(&token).await, meanwhile, "{}", row.fault);
        // It may have to wait three seconds to learn that nobody answers.
        time::sleep_until(proven_at + Duration::from_secs(56)).await;
        assert_eq!(world.call(&token).await, meanwhile, "{}", row.fault);
        time::sleep_until(proven_at + Duration::from_secs(60)).await;
        assert_eq!(world.call(&token).await, told(&row), "{}", row.fault);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_ahead_refuses_a_token_that_has_less_than_four_minutes_left_until_it_steps_back() {
    let world = World::start().await;
    world.set(Some("clock-ahead"));

    for (left, reason) in [(239, Some("TOKEN_EXPIRED".to_owned())), (240, None)] {
        let token = mk_token_until(1, left);

        assert_eq!(world.call(&token).await.1, reason);
    }
    world.set(None);
    assert_eq!(world.call(&mk_token_until(1, 239)).await, admitted());
}

#[tokio::test(start_paused = true)]
async fn a_clock_behind_lets_no_token_pass_that_kubernetes_calls_expired() {
    let world = World::start().await;
    let token = mk_token_until(1, -61);

    for fault in [Some("clock-behind"), None] {
        world.set(fault);

        let (_code, reason) = world.call(&token).await;
        assert_eq!(reason.as_deref(), Some("TOKEN_EXPIRED"));
    }
}
