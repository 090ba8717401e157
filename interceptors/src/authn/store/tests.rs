use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use tokio::time::{self, Instant};

use super::{Known, Lives, MAX_REFUSED, Store};
use crate::{
    Identity, Refusal, UserInfo,
    authn::fingerprint::{Fingerprint, Fingerprints},
};

const LIVES: Lives = Lives {
    ttl: Duration::from_secs(10),
    outage_budget: Duration::from_secs(60),
};

fn mk_key(token: &[u8]) -> Fingerprint {
    thread_local! {
        static FINGERPRINTS: Fingerprints = Fingerprints::new(&"data-store".parse().unwrap());
    }
    FINGERPRINTS.with(|fingerprints| fingerprints.of(token))
}

/// Remembers the proof of a token that has so many seconds left.
fn prove(store: &Store, token: &[u8], seconds_left: Option<u64>) {
    let identity = Arc::new(Identity::from(UserInfo {
        expires_at: seconds_left.map(|left| UNIX_EPOCH + Duration::from_secs(1_000 + left)),
        ..UserInfo::default()
    }));
    let wall = UNIX_EPOCH + Duration::from_secs(1_000);
    store.proven(mk_key(token), &identity, Instant::now(), wall);
}

/// What is known, in a word.
fn known(store: &Store, token: &[u8]) -> &'static str {
    match store.look_up(&mk_key(token), Instant::now()) {
        Known::Fresh { is_late: false, .. } => "fresh",
        Known::Fresh { is_late: true, .. } => "late",
        Known::Old(_) => "old",
        Known::Dead => "dead",
        Known::Refused(_) => "refused",
        Known::Nothing => "nothing",
    }
}

async fn pass(seconds: f64) {
    time::advance(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_proof_is_fresh_then_late_then_old_then_dead() {
    let store = Store::new(LIVES);
    prove(&store, b"a", None);

    for (wait, expected) in [
        (0.0, "fresh"),
        (6.9, "fresh"),
        (0.1, "late"),
        (2.9, "late"),
        (0.1, "old"),
        (49.9, "old"),
        (0.1, "dead"),
    ] {
        pass(wait).await;

        assert_eq!(known(&store, b"a"), expected, "after another {wait} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proof_never_outlives_its_token() {
    let store = Store::new(LIVES);
    prove(&store, b"a", Some(5));
    prove(&store, b"b", Some(30));

    pass(3.5).await;
    assert_eq!(known(&store, b"a"), "late", "of a life of five seconds");
    pass(1.5).await;
    assert_eq!(known(&store, b"a"), "dead");
    pass(24.9).await;
    assert_eq!(known(&store, b"b"), "old");
    pass(0.1).await;
    assert_eq!(known(&store, b"b"), "dead");
}

#[tokio::test(start_paused = true)]
async fn the_proof_of_a_token_in_its_leeway_is_good_for_one_call() {
    let store = Store::new(LIVES);

    prove(&store, b"a", Some(0));

    assert_eq!(known(&store, b"a"), "dead");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_remembered_for_two_seconds() {
    let store = Store::new(LIVES);
    store.refused(mk_key(b"a"), &Refusal::Rejected, Instant::now());

    pass(1.9).await;
    assert_eq!(known(&store, b"a"), "refused");
    pass(0.1).await;
    assert_eq!(known(&store, b"a"), "nothing");
}

#[tokio::test(start_paused = true)]
async fn a_no_counts_at_once_and_so_does_the_next_yes() {
    let store = Store::new(LIVES);
    prove(&store, b"a", None);

    store.refused(mk_key(b"a"), &Refusal::Revoked, Instant::now());
    assert_eq!(known(&store, b"a"), "refused");

    prove(&store, b"a", None);
    assert_eq!(known(&store, b"a"), "fresh");
}

#[tokio::test(start_paused = true)]
async fn refusals_push_out_no_proof_and_are_bounded() {
    let store = Store::new(LIVES);
    prove(&store, b"good", None);

    for number in 0..3 * MAX_REFUSED {
        let key = mk_key(&number.to_be_bytes());
        store.refused(key, &Refusal::Rejected, Instant::now());
    }

    assert_eq!(known(&store, b"good"), "fresh");
    assert!(store.len() <= MAX_REFUSED + 1, "{}", store.len());
}

#[tokio::test(start_paused = true)]
async fn what_is_dead_is_thrown_out_when_something_new_comes() {
    let store = Store::new(LIVES);
    for number in 0_u32..100 {
        prove(&store, &number.to_be_bytes(), None);
    }
    assert_eq!(store.len(), 100);

    pass(60.0).await;
    prove(&store, b"new", None);

    assert_eq!(store.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_life_nothing_counts() {
    let store = Store::new(Lives {
        ttl: Duration::ZERO,
        outage_budget: Duration::ZERO,
    });

    prove(&store, b"a", None);
    store.refused(mk_key(b"b"), &Refusal::Rejected, Instant::now());

    assert_eq!(
        (known(&store, b"a"), known(&store, b"b")),
        ("dead", "nothing")
    );
}
