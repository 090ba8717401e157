use std::{
    future, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use tokio::{
    sync::Notify,
    time::{self, Instant},
};

use super::{CONNECT_DEADLINE, NotConnected, Reach};

fn mk_reach() -> Reach {
    let addr = "127.0.0.1:8081".parse().unwrap();
    Reach::new(addr, Arc::new(Notify::new()))
}

async fn refused() -> io::Result<()> {
    Err(io::ErrorKind::ConnectionRefused.into())
}

async fn accepted() -> io::Result<()> {
    Ok(())
}

/// Fails so many times, each as soon as it may.
async fn fail(reach: &Reach, times: usize) {
    for _ in 0..times {
        time::sleep(reach.rest()).await;
        reach.attempt(refused()).await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_reachable_once_it_was_connected_to_and_until_that_fails() {
    let reach = mk_reach();
    assert!(!reach.is_reachable());

    reach.attempt(accepted()).await.unwrap();
    assert!(reach.is_reachable());

    reach.attempt(refused()).await.unwrap_err();
    assert!(!reach.is_reachable());
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_it_fails_at_once_without_trying() {
    let reach = mk_reach();
    reach.attempt(refused()).await.unwrap_err();
    let began = Instant::now();

    let error = reach.attempt(future::pending::<io::Result<()>>()).await;

    assert!(matches!(error, Err(NotConnected::BackingOff { .. })));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_backoff_grows_to_about_ten_seconds_and_is_jittered() {
    let (one, other) = (mk_reach(), mk_reach());
    let mut differ = false;
    for (times, shortest, longest) in [(1, 80, 120), (1, 128, 192), (8, 5_497, 8_247)] {
        fail(&one, times).await;
        let (shortest, longest) = (
            Duration::from_millis(shortest),
            Duration::from_millis(longest),
        );
        let rest = one.rest();
        assert!(shortest <= rest && rest <= longest, "{rest:?}");
        fail(&other, times).await;
        differ |= rest != other.rest();
    }

    fail(&one, 20).await;

    assert!(one.rest() <= Duration::from_secs(12), "{:?}", one.rest());
    assert!(differ, "all waits were the same");
}

#[tokio::test(start_paused = true)]
async fn a_connection_resets_the_backoff() {
    let reach = mk_reach();
    fail(&reach, 10).await;
    time::sleep(reach.rest()).await;
    reach.attempt(accepted()).await.unwrap();

    reach.attempt(refused()).await.unwrap_err();

    assert!(reach.rest() <= Duration::from_millis(120));
}

#[tokio::test(start_paused = true)]
async fn attempts_that_fail_together_count_as_one_failure() {
    let reach = mk_reach();
    let slowly_refused = async || {
        time::sleep(Duration::from_millis(1)).await;
        refused().await
    };

    let (one, other) = tokio::join!(
        reach.attempt(slowly_refused()),
        reach.attempt(slowly_refused())
    );

    assert!(one.is_err() && other.is_err());
    assert!(reach.rest() <= Duration::from_millis(120));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_has_two_seconds() {
    let reach = mk_reach();
    let began = Instant::now();

    let error = reach.attempt(future::pending::<io::Result<()>>()).await;

    assert!(matches!(error, Err(NotConnected::Failed { .. })));
    assert_eq!(began.elapsed(), CONNECT_DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn an_address_is_not_reachable_while_it_is_connected_to() {
    let reach = mk_reach();
    reach.attempt(accepted()).await.unwrap();
    let mut attempt = Box::pin(reach.attempt(future::pending::<io::Result<()>>()));

    assert!(attempt.as_mut().now_or_never().is_none());
    assert!(!reach.is_reachable());
    assert!(reach.decided().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_given_up_leaves_the_backoff_as_it_was() {
    let reach = mk_reach();
    fail(&reach, 10).await;
    time::sleep(reach.rest()).await;
    let attempt = Box::pin(reach.attempt(future::pending::<io::Result<()>>()));
    assert!(attempt.now_or_never().is_none());

    reach.attempt(refused()).await.unwrap_err();

    assert!(reach.rest() > Duration::from_secs(7), "{:?}", reach.rest());
}

#[tokio::test(start_paused = true)]
async fn whether_an_address_is_reachable_is_found_out_without_calls() {
    let reach = mk_reach();
    let tries = AtomicUsize::new(0);
    // Refused three times, then accepted.
    let connect = || {
        let nth = tries.fetch_add(1, Ordering::Relaxed);
        async move {
            if nth < 3 {
                refused().await
            } else {
                accepted().await
            }
        }
    };
    let began = Instant::now();

    tokio::select! {
        () = reach.find_out(connect) => (),
        () = reach.reachable() => (),
    }

    assert_eq!(tries.into_inner(), 4);
    let (shortest, longest) = (Duration::from_millis(412), Duration::from_millis(624));
    assert!(shortest <= began.elapsed() && began.elapsed() <= longest);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_reachable_is_left_alone() {
    let reach = mk_reach();
    reach.attempt(accepted()).await.unwrap();
    let tries = AtomicUsize::new(0);

    let finding_out = reach.find_out(|| {
        tries.fetch_add(1, Ordering::Relaxed);
        accepted()
    });
    let outcome = time::timeout(Duration::from_secs(3600), finding_out).await;

    outcome.unwrap_err();
    assert_eq!(tries.into_inner(), 0);
}
