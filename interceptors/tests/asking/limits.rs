//! How many questions may be under way.

use std::time::Duration;

use futures::{FutureExt as _, future::join_all};
use tokio::time;
use tonic_kube_auth::Refusal;

use crate::authority::{
    Answer, Layer, NOW, ScriptedAuthority, call, mk_call, mk_layer, mk_token, mk_token_until,
};

/// Calls from one machine, each with a token of its own; how many were told that it is too much.
async fn flood(layer: &Layer, peer: u8, tokens: std::ops::Range<usize>) -> usize {
    let calls = tokens.map(async |number| {
        let mut call = mk_call(&mk_token(number), peer);
        layer.check(&mut call).now_or_never()
    });
    let outcomes = join_all(calls).await;
    let shed = |outcome: &Option<Result<_, Refusal>>| match outcome {
        Some(Err(refusal)) => {
            assert_eq!(*refusal, Refusal::Overloaded);
            true
        }
        Some(Ok(_)) | None => false,
    };
    outcomes.iter().filter(|outcome| shed(outcome)).count()
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_tokens_is_shed_and_other_machines_are_still_asked_about() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    authority.holds_back();

    let shed = flood(&layer, 1, 0..1_000).await;

    assert_eq!(shed, 1_000 - 24);
    let mut other = mk_call(&mk_token(5_000), 2);
    let mut other = Box::pin(layer.check(&mut other));
    assert!(other.as_mut().now_or_never().is_none());
    authority.is_asked(25).await;
    authority.lets_go();
    other.await.unwrap();
    assert_eq!(authority.most_under_way(), 25);
}

#[tokio::test(start_paused = true)]
async fn many_machines_together_never_get_beyond_the_limit() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = mk_layer(authority.cached().with_max_reviews_in_flight(8));
    authority.holds_back();

    for peer in 0..100 {
        let first = usize::from(peer) * 100;
        flood(&layer, peer, first..first + 100).await;
    }
    // A quarter is not for those who were never proven.
    authority.is_asked(6).await;

    assert_eq!((authority.asked(), authority.most_under_way()), (6, 6));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_known_or_shares_a_question_needs_no_room() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = mk_layer(authority.cached().with_max_reviews_in_flight(1));
    call(&layer, &mk_token(1)).await.unwrap();
    authority.holds_back();
    let second = mk_token(2);
    let mut second_call = Box::pin(call(&layer, &second));
    assert!(second_call.as_mut().now_or_never().is_none());

    assert_eq!(call(&layer, &mk_token(3)).await, Err(Refusal::Overloaded));
    call(&layer, &mk_token(1)).await.unwrap();
    let mut sharing = Box::pin(call(&layer, &second));
    assert!(sharing.as_mut().now_or_never().is_none());

    authority.lets_go();
    second_call.await.unwrap();
    sharing.await.unwrap();
    call(&layer, &mk_token(3)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_flood_changes_nothing_for_a_steady_caller_of_the_same_machine() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();

    authority.now_answers(Answer::Silent);
    for second in 0..60 {
        flood(&layer, 1, 1_000 * (second + 1)..1_000 * (second + 1) + 200).await;
        time::advance(Duration::from_secs(1)).await;
        call(&layer, &mk_token(1)).await.unwrap_or_else(|refusal| {
            assert!(second >= 59, "refused in second {second}: {refusal}");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_question_takes_no_room() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = mk_layer(authority.cached().with_max_reviews_in_flight(1));
    authority.holds_back();
    assert!(call(&layer, &mk_token(1)).now_or_never().is_none());

    let refusal = call(&layer, &mk_token_until(2, NOW - 100))
        .await
        .unwrap_err();

    assert_eq!(refusal.reason(), Some("TOKEN_EXPIRED"));
}

#[tokio::test(start_paused = true)]
async fn whoever_floods_us_does_not_prolong_its_own_proof() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    time::advance(Duration::from_secs(15)).await;
    authority.now_answers(Answer::No(Refusal::Revoked));
    authority.holds_back();
    flood(&layer, 1, 1_000..2_000).await;

    let token = mk_token(1);
    let mut revoked = Box::pin(call(&layer, &token));
    assert!(
        revoked.as_mut().now_or_never().is_none(),
        "it is asked about"
    );
    authority.lets_go();

    assert_eq!(revoked.await, Err(Refusal::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_machines_that_flood_us_change_nothing_for_a_steady_caller() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    authority.holds_back();
    for peer in 0..100 {
        let first = 1_000 + usize::from(peer) * 10;
        flood(&layer, peer, first..first + 10).await;
    }
    authority.is_asked(1 + 48).await;

    time::advance(Duration::from_secs(8)).await;
    call(&layer, &mk_token(1)).await.unwrap();
    authority.is_asked(1 + 48 + 1).await;
    authority.lets_go();
    tokio::task::yield_now().await;
    time::advance(Duration::from_secs(6)).await;

    call(&layer, &mk_token(1)).await.unwrap();
}
