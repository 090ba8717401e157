//! A socket that does not wait for ever for a client that does not read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a write may wait for room. Every byte that a client takes gives it as much again.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// A socket whose writes fail when the other side has taken nothing for [`STALL`].
#[derive(Debug)]
pub(super) struct Impatient<S> {
    inner: S,
    /// Runs out while a write waits; none does otherwise.
    waiting: Option<Pin<Box<Sleep>>>,
}

// === impl Impatient ===

impl<S> Impatient<S> {
    /// Around a socket itself, below TLS: only there is every byte that is taken seen.
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            waiting: None,
        }
    }

    fn limit<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.waiting = None;
            return write;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read what it is sent",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.limit(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.limit(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::{Instant, sleep},
    };

    use super::{Impatient, STALL};

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_takes_fails() {
        let (_client, server) = duplex(4);
        let began = Instant::now();

        let write = Impatient::new(server).write_all(b"12345").await;

        assert_eq!(write.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= STALL, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_taken_slowly_goes_through() {
        let (mut client, server) = duplex(4);
        let began = Instant::now();
        let write = async { Impatient::new(server).write_all(&[0; 64]).await };
        let read = async {
            for _ in 0..64 {
                sleep(STALL / 2).await;
                client.read_u8().await.unwrap();
            }
        };

        let (written, ()) = tokio::join!(write, read);

        written.unwrap();
        assert!(began.elapsed() > STALL * 10);
    }
}
