//! While Kubernetes cannot be asked.

use std::time::Duration;

use futures::FutureExt as _;
use tokio::{task, time};
use tonic_kube_auth::Refusal;

use crate::authority::{Answer, NOW, ScriptedAuthority, call, mk_layer, mk_token, mk_token_until};

const NOT_ANSWERED: [Refusal; 2] = [
    Refusal::KubernetesUnavailable,
    Refusal::VerifierMisconfigured,
];

async fn pass(seconds: u64) {
    time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_proven_caller_stays_accepted_for_a_minute_and_an_unknown_one_is_not() {
    for refusal in NOT_ANSWERED {
        let authority = ScriptedAuthority::new(Answer::Yes);
        let layer = authority.layer();
        call(&layer, &mk_token(1)).await.unwrap();
        authority.now_answers(Answer::No(refusal.clone()));

        for _second in 1..60 {
            pass(1).await;
            call(&layer, &mk_token(1)).await.unwrap();
            assert_eq!(call(&layer, &mk_token(2)).await, Err(refusal.clone()));
        }

        pass(1).await;
        assert_eq!(call(&layer, &mk_token(1)).await, Err(refusal));
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_accepted_past_the_expiry_of_the_token() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    let token = mk_token_until(1, NOW + 30);
    call(&layer, &token).await.unwrap();
    authority.now_answers(Answer::No(Refusal::KubernetesUnavailable));

    pass(29).await;
    call(&layer, &token).await.unwrap();
    pass(1).await;

    assert_eq!(
        call(&layer, &token).await,
        Err(Refusal::KubernetesUnavailable)
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_nobody_is_accepted_once_the_proof_is_old() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = mk_layer(authority.cached().with_outage_budget(Duration::ZERO));
    call(&layer, &mk_token(1)).await.unwrap();
    authority.now_answers(Answer::No(Refusal::KubernetesUnavailable));

    pass(9).await;
    call(&layer, &mk_token(1)).await.unwrap();
    pass(1).await;

    assert_eq!(
        call(&layer, &mk_token(1)).await,
        Err(Refusal::KubernetesUnavailable)
    );
}

#[tokio::test(start_paused = true)]
async fn when_kubernetes_says_no_again_that_counts_at_once() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    authority.now_answers(Answer::No(Refusal::KubernetesUnavailable));
    pass(20).await;
    call(&layer, &mk_token(1)).await.unwrap();

    authority.now_answers(Answer::No(Refusal::Revoked));
    let asked = authority.asked();
    pass(1).await;
    call(&layer, &mk_token(1)).await.unwrap();
    authority.is_asked(asked + 1).await;
    task::yield_now().await;

    assert_eq!(call(&layer, &mk_token(1)).await, Err(Refusal::Revoked));
}

#[tokio::test(start_paused = true)]
async fn once_it_is_known_that_nobody_answers_a_proven_caller_does_not_wait() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    pass(15).await;
    authority.now_answers(Answer::Silent);
    let began = time::Instant::now();
    call(&layer, &mk_token(1)).await.unwrap();
    assert_eq!(
        began.elapsed(),
        Duration::from_secs(3),
        "the first one does"
    );

    for _second in 0..30 {
        pass(1).await;
        let at_once = call(&layer, &mk_token(1)).now_or_never();
        at_once.expect("it must not wait").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn proven_callers_ask_once_a_second_at_most_during_an_outage() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    for number in 0..100 {
        call(&layer, &mk_token(number)).await.unwrap();
    }
    authority.now_answers(Answer::No(Refusal::KubernetesUnavailable));
    pass(10).await;
    call(&layer, &mk_token(0)).await.unwrap();
    let asked = authority.asked();

    for _second in 0..10 {
        pass(1).await;
        for number in 0..100 {
            call(&layer, &mk_token(number)).await.unwrap();
        }
        task::yield_now().await;
    }

    assert_eq!(authority.asked() - asked, 10);
}

#[tokio::test(start_paused = true)]
async fn the_next_good_answer_ends_it() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    authority.now_answers(Answer::No(Refusal::KubernetesUnavailable));
    pass(20).await;
    call(&layer, &mk_token(1)).await.unwrap();

    authority.now_answers(Answer::Yes);
    call(&layer, &mk_token(2)).await.unwrap();
    let asked = authority.asked();
    call(&layer, &mk_token(1)).await.unwrap();

    assert_eq!(authority.asked(), asked + 1, "it is asked about again");
    call(&layer, &mk_token(1)).await.unwrap();
    assert_eq!(authority.asked(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn that_somebody_elses_review_failed_long_ago_is_no_outage() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    authority.now_answers(Answer::No(Refusal::KubernetesUnavailable));
    call(&layer, &mk_token(2)).await.unwrap_err();
    authority.now_answers(Answer::No(Refusal::Revoked));

    pass(50).await;

    assert_eq!(call(&layer, &mk_token(1)).await, Err(Refusal::Revoked));
}

#[tokio::test(start_paused = true)]
async fn whoever_makes_reviews_fail_keeps_no_token_from_being_asked_about() {
    let authority = ScriptedAuthority::new(Answer::Yes);
    let layer = authority.layer();
    call(&layer, &mk_token(1)).await.unwrap();
    pass(12).await;
    let mut refused_after = None;

    for tenth in 0..100 {
        authority.now_answers(Answer::No(Refusal::KubernetesUnavailable));
        call(&layer, &mk_token(1_000 + tenth)).await.unwrap_err();
        authority.now_answers(Answer::No(Refusal::Revoked));
        if call(&layer, &mk_token(1)).await.is_err() {
            refused_after = Some(tenth);
            break;
        }
        task::yield_now().await;
        time::advance(Duration::from_millis(100)).await;
    }

    let tenths = refused_after.expect("a revoked token must be found out");
    assert!(tenths <= 11, "{tenths} tenths of a second");
}
