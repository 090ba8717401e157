//! Keeps what a request says, so that it can be said again.
//!
//! Only what is there at once is kept, and nobody waits for more: a unary call is all there, a stream that is still being written is not.
//! What is kept shares its bytes with what is sent.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tonic::{Status, body::Body};

/// How many bytes are kept at most, for each call that has not been answered: room for a message of 1 MiB and what it is wrapped in.
pub(super) const MAX_RECORDED: usize = 1024 * 1024 + 64 * 1024;

/// A whole body, or the beginning of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded {
    /// Apart from the rest, because most bodies are one piece, which then needs no room in a queue.
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

/// Says what was recorded, then what is left.
struct Replay {
    recorded: Recorded,
    rest: Rest,
}

/// What comes after a recorded beginning.
enum Rest {
    Nothing,
    Body(Body),
    Error(Status),
}

/// Takes what `body` has at once. Answers with the body to send in its place, and with the record if that is all of it and not too much.
pub(super) fn record(mut body: Body) -> (Body, Option<Recorded>) {
    let mut recorded = Recorded::default();
    let mut size = 0;
    // Nobody is woken: whoever sends the rest will ask for it again.
    let mut cx = Context::from_waker(Waker::noop());
    while size <= MAX_RECORDED {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => size += recorded.push(frame),
            Poll::Ready(Some(Err(error))) => return (recorded.then(Rest::Error(error)), None),
            Poll::Ready(None) => return (recorded.clone().body(), Some(recorded)),
            Poll::Pending if recorded.is_empty() => return (body, None),
            Poll::Pending => break,
        }
    }
    (recorded.then(Rest::Body(body)), None)
}

// === impl Recorded ===

impl Recorded {
    /// The body, once more.
    pub(super) fn body(self) -> Body {
        self.then(Rest::Nothing)
    }

    fn then(self, rest: Rest) -> Body {
        Body::new(Replay {
            recorded: self,
            rest,
        })
    }

    /// Adds a frame, and says how much room it takes.
    fn push(&mut self, frame: Frame<Bytes>) -> usize {
        let size = size_of::<Bytes>();
        match frame.into_data() {
            Ok(data) => {
                let size = size + data.len();
                if self.is_empty() {
                    self.first = Some(data);
                } else {
                    self.more.push_back(data);
                }
                size
            }
            Err(frame) => {
                self.trailers = frame.into_trailers().ok();
                size
            }
        }
    }

    fn pop(&mut self) -> Option<Frame<Bytes>> {
        let data = self.first.take().or_else(|| self.more.pop_front());
        data.map(Frame::data)
            .or_else(|| self.trailers.take().map(Frame::trailers))
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty() && self.trailers.is_none()
    }
}

// === impl Replay ===

impl http_body::Body for Replay {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(frame) = self.recorded.pop() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.rest {
            Rest::Nothing => Poll::Ready(None),
            Rest::Body(body) => Pin::new(body).poll_frame(cx),
            Rest::Error(error) => {
                let error = error.clone();
                self.rest = Rest::Nothing;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let rest_is_over = match &self.rest {
            Rest::Nothing => true,
            Rest::Body(body) => body.is_end_stream(),
            Rest::Error(_) => false,
        };
        self.recorded.is_empty() && rest_is_over
    }

    // No `size_hint`: with a size known, the call would go out with a `content-length` that tonic's calls do not have.
}

#[cfg(test)]
mod tests;
