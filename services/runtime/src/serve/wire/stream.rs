//! The stream itself.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{heads::Heads, linger::Linger, reply::explained, turn::Turn};
use crate::serve::limits::MAX_HEAD;

/// A connection as hyper is to see it.
#[derive(Debug)]
pub(in crate::serve) struct Wire<S> {
    inner: S,
    heads: Heads,
    turn: Turn,
    /// What is written in the place of an answer of hyper's own; empty when there is none.
    reply: Vec<u8>,
    /// How much of `reply` is written.
    written: usize,
    ending: Ending,
}

/// How far a connection is towards its end.
#[derive(Debug)]
enum Ending {
    /// Both sides may speak.
    Open,
    /// The client has said its last; there is nothing to wait for.
    ClientDone,
    /// We have said our last.
    Lingering(Linger),
    Over,
}

// === impl Wire ===

impl<S> Wire<S> {
    pub(in crate::serve) fn new(inner: S, turn: Turn) -> Self {
        Self {
            inner,
            heads: Heads::new(),
            turn,
            reply: Vec::new(),
            written: 0,
            ending: Ending::Open,
        }
    }

    /// Takes an answer of hyper's own, which it writes at once and whole, and has one with a body written instead.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if self.turn.is_services() || self.heads.is_http2() || self.heads.asks_for_no_body() {
            return false;
        }
        let Some(reply) = explained(bytes, self.heads.flaw()) else {
            return false;
        };
        self.reply = reply;
        self.written = 0;
        true
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes what is left of the reply.
    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.reply.get(self.written..)
            && !rest.is_empty()
        {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let room = buf.remaining();
        // hyper may have more room than the limit it was given, and would take a longer head when it comes in one piece.
        let allowed = match this.heads.head_len() {
            Some(len) => MAX_HEAD.saturating_sub(len).max(1),
            None => room,
        };
        if allowed < room {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed));
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
            let taken = part.filled().len();
            buf.advance(taken);
        } else {
            ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        }
        match buf.filled_mut().get_mut(before..) {
            Some(bytes) if !bytes.is_empty() => this.heads.follow(bytes),
            _ if room > 0 => this.ending = Ending::ClientDone,
            _ => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_reply(cx))?;
        if self.replaces(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_reply(cx))?;
        let mut filled = bufs.iter().filter(|buf| !buf.is_empty());
        if let (Some(only), None) = (filled.next(), filled.next())
            && self.replaces(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// hyper flushes when it has written all it has.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_reply(cx))?;
        self.turn.all_is_written();
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_reply(cx))?;
        let this = &mut *self;
        loop {
            match &mut this.ending {
                Ending::Open => {
                    ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
                    let is_heard =
                        this.heads.is_http2() || (this.reply.is_empty() && this.heads.is_between());
                    this.ending = if is_heard {
                        Ending::Over
                    } else {
                        Ending::Lingering(Linger::new())
                    };
                }
                Ending::Lingering(linger) => {
                    ready!(linger.poll(cx, &mut this.inner));
                    this.ending = Ending::Over;
                }
                Ending::ClientDone => return Pin::new(&mut this.inner).poll_shutdown(cx),
                Ending::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}
