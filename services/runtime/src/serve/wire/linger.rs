//! Reading on for a while after the last word, so that the client gets to hear it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a client may take to stop sending.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much a client may still send.
const MAX: usize = 16 * 1024 * 1024;

/// Takes what a client still sends, and forgets it.
///
/// A socket that is closed with something unread in it is reset, and a reset takes away the answer that the client has not read yet.
#[derive(Debug)]
pub(super) struct Linger {
    timer: Pin<Box<Sleep>>,
    left: usize,
}

// === impl Linger ===

impl Linger {
    pub(super) fn new() -> Self {
        Self {
            timer: Box::pin(sleep(PATIENCE)),
            left: MAX,
        }
    }

    /// Ready when the client is done, or has had its time.
    pub(super) fn poll<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<()> {
        if self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut room = [0; 4096];
        while self.left > 0 {
            let mut buf = ReadBuf::new(&mut room);
            let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf));
            let taken = buf.filled().len();
            if read.is_err() || taken == 0 {
                break;
            }
            self.left = self.left.saturating_sub(taken);
        }
        Poll::Ready(())
    }
}
