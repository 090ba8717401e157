//! Which HTTP a client speaks, before hyper has read a byte of it.
//!
//! hyper can find out by itself, but what it reads for that makes it take a second, larger buffer, which a connection keeps for as long as
//! it lasts: a third of all that one of many thousand quiet connections costs.

use std::io;

use hyper_util::server::conn::auto;
use tokio::net::TcpStream;

use super::taking::Calls;

/// What every connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
    /// It may become either.
    Unclear,
}

// === impl Protocol ===

impl Protocol {
    /// Waits for the first bytes, and leaves them where they are.
    pub(super) async fn on(stream: &TcpStream) -> io::Result<Self> {
        let mut first = [0; PREFACE.len()];
        let len = stream.peek(&mut first).await?;
        Ok(Self::begins(first.get(..len).unwrap_or_default()))
    }

    /// As client and server agreed over TLS.
    pub(super) fn agreed(alpn: Option<&[u8]>) -> Self {
        match alpn {
            Some(b"h2") => Self::Http2,
            Some(b"http/1.1") => Self::Http1,
            Some(_) | None => Self::Unclear,
        }
    }

    /// A builder of connections for this and no other.
    pub(super) fn only(self, http: auto::Builder<Calls>) -> auto::Builder<Calls> {
        match self {
            Self::Http1 => http.http1_only(),
            Self::Http2 => http.http2_only(),
            Self::Unclear => http,
        }
    }

    fn begins(first: &[u8]) -> Self {
        if first == PREFACE {
            Self::Http2
        } else if PREFACE.starts_with(first) {
            Self::Unclear
        } else {
            Self::Http1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PREFACE, Protocol};

    #[test]
    fn only_the_whole_preface_is_http_2_and_a_part_of_it_may_become_either() {
        assert_eq!(Protocol::begins(PREFACE), Protocol::Http2);
        for len in 0..PREFACE.len() {
            assert_eq!(
                Protocol::begins(&PREFACE[..len]),
                Protocol::Unclear,
                "{len}"
            );
        }
        for first in [&b"GET / HTTP/1.1\r\n"[..], b"PRI /", b"P-", b"\x16\x03\x01"] {
            assert_eq!(Protocol::begins(first), Protocol::Http1, "{first:?}");
        }
    }
}
