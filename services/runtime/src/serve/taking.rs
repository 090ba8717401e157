//! What is given of an answer, and whether its client takes it.
//!
//! In HTTP/2 a client says of each call how many bytes it may be sent. One that says none, and reads its socket all the same, is no
//! [`Impatient`](super::impatient::Impatient) socket's business: here it is found, and its call is reset, which frees what it held.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::time;

use super::impatient::STALL;

/// How much of an answer is given at once. hyper, and h2 below it, keep what they are given until the client takes it, also when the answer
/// is over for everybody else.
const MAX_PIECE: usize = 16 * 1024;

tokio::task_local! {
    /// Of the call over HTTP/2 that the task runs.
    static OURS: Taking;
}

/// Runs the calls of HTTP/2, each until its answer is given, or its client has not taken a piece of it for [`STALL`] to twice as long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls;

/// Whose turn it is with an answer. Clones share it: the body gives and is asked for more, the call's task looks.
///
/// Even when the client has taken all that it was given, so that it waits for us; odd when we wait for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Taking(Arc<AtomicU64>);

pin_project! {
    /// The body of an answer, in pieces that nothing else of it is kept for.
    pub(super) struct Pieces<B> {
        #[pin]
        body: B,
        rest: Bytes,
        taking: Option<Taking>,
    }
}

// === impl Calls ===

impl<F> Executor<F> for Calls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        let taking = Taking::default();
        tokio::spawn(async move {
            tokio::select! {
                () = OURS.scope(taking.clone(), call) => (),
                () = taking.stalls() => tracing::debug!("Resetting a call whose client takes nothing of its answer"),
            }
        });
    }
}

// === impl Taking ===

impl Taking {
    fn asked(&self) {
        if !self.now().is_multiple_of(2) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Follows [`asked`](Self::asked).
    fn gave(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until the client is slower with a piece than [`STALL`], which is looked at that often.
    async fn stalls(&self) {
        let mut before = self.now();
        loop {
            time::sleep(STALL).await;
            let now = self.now();
            if now == before && !now.is_multiple_of(2) {
                return;
            }
            before = now;
        }
    }
}

// === impl Pieces ===

impl<B> Pieces<B> {
    /// Of the call that the present task runs, if it is one of HTTP/2.
    pub(super) fn new(body: B) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            taking: OURS.try_with(Taking::clone).ok(),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Pieces<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(taking) = this.taking {
            taking.asked();
        }
        let frame = if this.rest.is_empty() {
            match ready!(this.body.poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            }
        } else {
            Frame::data(std::mem::take(this.rest))
        };
        let frame = match frame.into_data() {
            Ok(mut data) if data.len() > MAX_PIECE => {
                // A copy, for a slice would keep all of it.
                let piece = Bytes::copy_from_slice(&data.split_to(MAX_PIECE));
                *this.rest = data;
                Frame::data(piece)
            }
            Ok(data) => Frame::data(data),
            Err(trailers) => trailers,
        };
        if let Some(taking) = this.taking {
            taking.gave();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let hint = self.body.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower().saturating_add(rest));
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper.saturating_add(rest));
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use bytes::Bytes;
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::{MAX_PIECE, Pieces};

    #[tokio::test]
    async fn a_body_comes_in_pieces_and_whole() {
        let whole: Vec<u8> = (0..MAX_PIECE * 2 + 1).map(|nth| nth as u8).collect();
        let mut pieces = Pieces::new(Body::from(whole.clone()));
        let mut lengths = Vec::new();
        let mut came = Vec::new();

        while let Some(piece) = pieces.frame().await {
            let piece = piece.unwrap().into_data().unwrap();
            lengths.push(piece.len());
            came.extend_from_slice(&piece);
            let left = (whole.len() - came.len()) as u64;
            assert_eq!(pieces.size_hint().exact(), Some(left));
            assert_eq!(pieces.is_end_stream(), left == 0);
        }

        assert_eq!(lengths, [MAX_PIECE, MAX_PIECE, 1]);
        assert_eq!(came, whole);
    }

    #[tokio::test]
    async fn a_piece_keeps_nothing_of_the_rest() {
        let whole = Bytes::from(vec![0; MAX_PIECE + 1]);
        let mut pieces = Pieces::new(Body::from(whole.clone()));

        let piece = pieces.frame().await.unwrap().unwrap();
        drop(pieces);

        assert!(whole.is_unique());
        drop(piece);
    }
}
