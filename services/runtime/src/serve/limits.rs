//! How much one connection may ask for at once.
//!
//! What a connection can make hyper hold, beside what the handlers hold themselves:
//!
//! ```text
//! HTTP/1   64 KiB read + 64 KiB to write + one piece of the answer's body
//! HTTP/2   1 MiB bodies + 200 × (64 KiB headers + 64 KiB to write) + 64 KiB of headers arriving  ≈ 26 MiB
//! ```
//!
//! The second needs 200 calls under way that all carry the longest headers and whose answers nobody reads; such a one is cut, by its socket
//! or call by call, after half a minute to a minute. A handler may hold a message and its answer for each call beside it.

use std::time::Duration;

use hyper_util::{rt::TokioTimer, server::conn::auto};

use super::{server::PATIENCE, taking::Calls};

/// All of a head: the request line and every header. Room for a token of 16 KiB, which the auth layer must see to refuse it by name,
/// beside other headers.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// Headers in one HTTP/1 head. A client sends about ten, and proxies between add as many. It is what hyper allows when it is not told:
/// told, it clears room for all of them for each request, which takes longer than to read one.
pub(super) const MAX_HEADERS: usize = 100;

/// The same as [`MAX_HEAD`], as HTTP/2 counts it: 32 bytes more a header.
const MAX_HEADER_LIST: u32 = 64 * 1024;

/// Calls under way on one HTTP/2 connection; a gRPC client queues what goes beyond. Each may hold a message of a mebibyte.
const MAX_STREAMS: u32 = 200;

/// Bytes of bodies that came and that no handler has taken, for a call and for a connection alike: the longest message goes in one window,
/// and all the calls of a connection share it.
const WINDOW: u32 = 1024 * 1024;

/// Bytes of an answer that wait for the client, for each call.
const MAX_SEND_BUFFER: usize = 64 * 1024;

/// Calls that a client may cancel before a handler has seen them: what goes beyond is a rapid reset (CVE-2023-44487), and the connection
/// ends. As many as it may have: it may be a front door whose own callers all leave at once.
const MAX_EARLY_RESETS: usize = MAX_STREAMS as usize;

/// Faults in its calls that a connection may make us reset, in its whole life, before it ends.
const MAX_FAULTS: usize = 1024;

/// How often a silent HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// HTTP/1.1 and HTTP/2 within these limits.
pub(super) fn http() -> auto::Builder<Calls> {
    let mut http = auto::Builder::new(Calls);
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_HEAD);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .initial_connection_window_size(WINDOW)
        .initial_stream_window_size(WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_local_error_reset_streams(MAX_FAULTS)
        .max_pending_accept_reset_streams(MAX_EARLY_RESETS)
        .max_send_buf_size(MAX_SEND_BUFFER);
    http
}
