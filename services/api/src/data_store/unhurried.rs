//! Giving up on a call, but not before the data store has seen it.
//!
//! A server of HTTP/2 ends a connection on which call after call is reset before it has taken it up (CVE-2023-44487), and with it the calls
//! of everybody else. Whoever calls the api and leaves at once must not bring that about.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{runtime::Handle, time};

/// How long a call goes on for which nobody waits any more: longer than it takes to be sent and seen. It keeps its place among the requests
/// under way, so that there are only so many.
const PATIENCE: Duration = Duration::from_secs(1);

/// A call that goes on for a moment after this is dropped.
pub(super) struct Unhurried<T: Send + 'static> {
    /// Nothing once it has ended.
    call: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

// === impl Unhurried ===

impl<T: Send + 'static> Unhurried<T> {
    pub(super) fn new(call: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            call: Some(Box::pin(call)),
        }
    }
}

impl<T: Send + 'static> Future for Unhurried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let call = self.call.as_mut();
        let call = call.expect("a call must not be polled after its end");
        let answer = call.as_mut().poll(cx);
        if answer.is_ready() {
            self.call = None;
        }
        answer
    }
}

impl<T: Send + 'static> Drop for Unhurried<T> {
    fn drop(&mut self) {
        // At the end of the program there is nothing that could go on.
        if let Some(call) = self.call.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(time::timeout(PATIENCE, call));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use futures::FutureExt as _;
    use tokio::{
        sync::oneshot,
        time::{Instant, sleep},
    };

    use super::{PATIENCE, Unhurried};

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_goes_on_for_a_moment_and_no_longer() {
        let (tx, rx) = oneshot::channel::<()>();
        let call = Unhurried::new(async move {
            let _until_it_ends = tx;
            future::pending::<()>().await;
        });
        let began = Instant::now();

        drop(call);
        rx.await.unwrap_err();

        assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
        assert!(began.elapsed() < 2 * PATIENCE, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_may_still_be_answered() {
        let (tx, rx) = oneshot::channel();
        let call = Unhurried::new(async move {
            sleep(PATIENCE / 2).await;
            tx.send("done").unwrap();
        });

        drop(call);

        assert_eq!(rx.await, Ok("done"));
    }

    #[test]
    fn a_call_that_has_ended_leaves_nothing() {
        let mut call = Unhurried::new(future::ready(7));

        assert_eq!((&mut call).now_or_never(), Some(7));
        assert!(call.call.is_none());
    }

    #[test]
    fn it_can_be_dropped_where_nothing_runs() {
        drop(Unhurried::new(future::pending::<()>()));
    }
}
