//! Who speaks on a connection of HTTP/1: the service, or hyper by itself.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Whether what is written now can come from the service. Clones share it: the service's end begins, the wire asks.
///
/// From the moment that a call begins until all of its answer is written, it is the service's turn. At any other time what is written is
/// hyper's, whatever it looks like. In HTTP/2 nobody asks.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct Turn(Arc<State>);

/// One task turns all of a connection of HTTP/1, so nothing needs an order among threads.
#[derive(Debug, Default)]
struct State {
    /// Calls whose answers are not all in hyper's hands.
    answering: AtomicUsize,
    /// Whether there was such a call since all that hyper had was written.
    is_services: AtomicBool,
}

/// Keeps the turn for one call.
#[derive(Debug)]
pub(in crate::serve) struct Answering(Turn);

pin_project! {
    /// The body of an answer, which keeps the turn for as long as there is more of it.
    pub(in crate::serve) struct Spoken<B> {
        #[pin]
        body: B,
        answering: Answering,
    }
}

// === impl Turn ===

impl Turn {
    /// Gives the turn to the service, for one call.
    pub(in crate::serve) fn begin(&self) -> Answering {
        self.0.answering.fetch_add(1, Ordering::Relaxed);
        self.0.is_services.store(true, Ordering::Relaxed);
        Answering(self.clone())
    }

    pub(super) fn is_services(&self) -> bool {
        self.0.is_services.load(Ordering::Relaxed)
    }

    /// Notes that hyper has nothing left to write.
    pub(super) fn all_is_written(&self) {
        if self.0.answering.load(Ordering::Relaxed) == 0 {
            self.0.is_services.store(false, Ordering::Relaxed);
        }
    }
}

// === impl Answering ===

impl Answering {
    /// Keeps the turn until `body` is dropped.
    pub(in crate::serve) fn with<B>(self, body: B) -> Spoken<B> {
        Spoken {
            body,
            answering: self,
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Spoken ===

impl<B: Body> Body for Spoken<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::Turn;

    #[test]
    fn the_turn_is_the_services_until_all_of_its_answer_is_written() {
        let turn = Turn::default();
        assert!(!turn.is_services());

        let body = turn.begin().with(());
        turn.all_is_written();
        assert!(turn.is_services(), "the answer is not made yet");

        drop(body);
        assert!(turn.is_services(), "the answer is not written yet");

        turn.all_is_written();
        assert!(!turn.is_services());
    }
}
