//! How long an answer counts.

use std::time::Duration;

use futures::FutureExt as _;
use tokio::{task, time};
use tonic_kube_auth::{Malformed, Refusal};

use crate::authority::{
    Answer, NOW, ScriptedAuthority, at, call, mk_call, mk_layer, mk_token, mk_token_until,
};

async fn pass(seconds: u64) {
    time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_proven_token_is_not_asked_about_again_for_ten_seconds() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();

    for _call in 0..100 {
        call(&layer, &mk_token(1)).await.unwrap();
    }
    assert_eq!(authority.asked(), 1);

    pass(10).await;
    call(&layer, &mk_token(1)).await.unwrap();
    assert_eq!(authority.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_token_is_asked_about_by_itself() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();

    for number in 0..100 {
        call(&layer, &mk_token(number)).await.unwrap();
        call(&layer, &mk_token(number)).await.unwrap();
    }

    assert_eq!(authority.asked(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_remembered_yes_never_outlives_the_token() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    let token = mk_token_until(1, NOW + 4);
    call(&layer, &token).await.unwrap();

    pass(4).await;
    let refusal = Refusal::Expired { at: at(NOW + 4) };
    authority.now_answers(Answer::No(refusal.clone()));

    assert_eq!(call(&layer, &token).await, Err(refusal));
    assert_eq!(authority.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_not_asked_about_again_for_two_seconds() {
    let authority = ScriptedAuthority::new(Answer::No(Refusal::Rejected));
    let layer = authority.layer();

    for _call in 0..100 {
        assert_eq!(call(&layer, &mk_token(1)).await, Err(Refusal::Rejected));
    }
    assert_eq!(authority.asked(), 1);

    pass(2).await;
    authority.now_answers(Answer::Yes);
    call(&layer, &mk_token(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_yes_for_somebody_elses_audience_is_not_remembered() {
    for audiences in [&[][..], &["other"]] {
        let authority = ScriptedAuthority::new(Answer::YesFor(audiences));
        let layer = authority.layer();
        let refusal = call(&layer, &mk_token(1)).await.unwrap_err();
        assert_eq!(refusal.reason(), Some("AUDIENCE_MISMATCH"));

        authority.now_answers(Answer::Yes);

        call(&layer, &mk_token(1)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn that_nobody_could_be_asked_is_not_remembered() {
    for refusal in [
        Refusal::KubernetesUnavailable,
        Refusal::VerifierMisconfigured,
        Refusal::Overloaded,
        Refusal::DeadlineExceeded,
    ] {
        let authority = ScriptedAuthority::new(Answer::No(refusal.clone()));
        let layer = authority.layer();
        assert_eq!(call(&layer, &mk_token(1)).await, Err(refusal));

        authority.now_answers(Answer::Yes);

        call(&layer, &mk_token(1)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_steady_caller_never_waits_for_kubernetes() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();

    authority.holds_back();
    for second in 1..=9 {
        pass(1).await;
        let at_once = call(&layer, &mk_token(1)).now_or_never();
        at_once.expect("it must not wait").unwrap();
        task::yield_now().await;
        let expected = if second < 7 { 1 } else { 2 };
        assert_eq!(authority.asked(), expected, "after {second} s");
    }
    authority.lets_go();
    task::yield_now().await;

    for _second in 0..6 {
        pass(1).await;
        call(&layer, &mk_token(1)).await.unwrap();
    }
    assert_eq!(
        authority.asked(),
        2,
        "the renewed proof has a life of its own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_says_no_counts_at_once() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    pass(8).await;

    authority.now_answers(Answer::No(Refusal::Revoked));
    call(&layer, &mk_token(1)).await.unwrap();
    authority.is_asked(2).await;
    task::yield_now().await;

    assert_eq!(call(&layer, &mk_token(1)).await, Err(Refusal::Revoked));
    assert_eq!(authority.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_names_somebody_elses_audience_counts_at_once() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    pass(8).await;

    authority.now_answers(Answer::YesFor(&["other"]));
    call(&layer, &mk_token(1)).await.unwrap();
    authority.is_asked(2).await;
    task::yield_now().await;

    let refusal = call(&layer, &mk_token(1)).await.unwrap_err();
    assert_eq!(refusal.reason(), Some("AUDIENCE_MISMATCH"));
}

#[tokio::test(start_paused = true)]
async fn without_a_time_to_live_every_call_is_asked_about() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = mk_layer(authority.cached().with_cache_ttl(Duration::ZERO));

    for asked in 1..=10 {
        call(&layer, &mk_token(1)).await.unwrap();
        assert_eq!(authority.asked(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_no_question_could_save_is_refused_without_asking() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    let expired = mk_token_until(1, NOW - 61);
    for (token, expected) in [
        (expired.as_str(), "the token expired"),
        ("e30.eyJhdWQiOlsib3RoZXIiXX0.c2ln", "not meant for"),
        ("dummy", "JSON Web Token"),
        ("tw\u{f6}", "character"),
    ] {
        let refusal = call(&layer, token).await.unwrap_err();

        assert!(refusal.to_string().contains(expected), "{refusal}");
    }
    let mut twice = mk_call(&mk_token(1), 1);
    twice
        .headers
        .append("authorization", "Bearer a".parse().unwrap());
    let refusal = layer.check(&mut twice).await.unwrap_err();
    assert_eq!(refusal, Refusal::Malformed(Malformed::Several));
    assert_eq!(authority.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_known_token_is_checked_without_an_allocation() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    let mut warm = mk_call(&mk_token(1), 1);

    let mut outcome = None;
    let allocated = allocation_counter::measure(|| {
        outcome = layer.check(&mut warm).now_or_never();
    });

    outcome.expect("it must not wait").unwrap();
    assert_eq!(allocated.count_total, 0);
}

#[tokio::test(start_paused = true)]
async fn nor_is_one_needed_while_a_proof_is_renewed() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    pass(8).await;
    authority.holds_back();
    call(&layer, &mk_token(1)).await.unwrap();
    authority.is_asked(2).await;
    let mut late = mk_call(&mk_token(1), 1);

    let mut outcome = None;
    let allocated = allocation_counter::measure(|| {
        outcome = layer.check(&mut late).now_or_never();
    });

    outcome.expect("it must not wait").unwrap();
    assert_eq!(allocated.count_total, 0);
}
