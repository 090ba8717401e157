//! One question a token, however many ask.

use std::time::Duration;

use futures::{FutureExt as _, future::join_all};
use tonic_kube_auth::Refusal;

use crate::authority::{Answer, ScriptedAuthority, call, mk_token};

#[tokio::test(start_paused = true)]
async fn a_thousand_first_calls_with_one_token_are_one_question() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    let token = mk_token(1);

    authority.holds_back();
    let mut calls = Box::pin(join_all((0..1_000).map(|_| call(&layer, &token))));
    assert!(calls.as_mut().now_or_never().is_none(), "all of them wait");
    authority.lets_go();

    for outcome in calls.await {
        outcome.unwrap();
    }
    assert_eq!(authority.asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_many_threads_too() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();

    for number in 0..50 {
        let calls = (0..100).map(|_| {
            let (layer, token) = (layer.clone(), mk_token(number));
            tokio::spawn(async move { call(&layer, &token).await })
        });
        for outcome in join_all(calls).await {
            outcome.unwrap().unwrap();
        }
    }

    assert_eq!(authority.asked(), 50);
}

#[tokio::test(start_paused = true)]
async fn the_first_caller_hanging_up_fails_nobody() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    let token = mk_token(1);
    authority.holds_back();
    let mut first = Box::pin(call(&layer, &token));
    let mut second = Box::pin(call(&layer, &token));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());

    drop(first);
    authority.lets_go();

    second.await.unwrap();
    assert_eq!(authority.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_nobody_waits_for_any_more_is_remembered() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    let token = mk_token(1);
    authority.holds_back();
    assert!(call(&layer, &token).now_or_never().is_none());

    authority.lets_go();
    authority.is_asked(1).await;
    tokio::time::advance(Duration::from_secs(1)).await;

    call(&layer, &token).await.unwrap();
    assert_eq!(authority.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_fails_closed_and_the_next_call_asks_anew() {
    let authority = ScriptedAuthority::new(Answer::Crash);
    let layer = authority.layer();
    let token = mk_token(1);

    for outcome in join_all((0..10).map(|_| call(&layer, &token))).await {
        assert_eq!(outcome, Err(Refusal::KubernetesUnavailable));
    }
    assert_eq!(authority.asked(), 1);

    authority.now_answers(Answer::Yes);
    call(&layer, &token).await.unwrap();
}
