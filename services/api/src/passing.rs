//! What of a request goes on to the data store: how long its caller waits, and the trace it is part of. Nothing else does: not the
//! caller's credentials, and no header that could be taken for ours.

use std::{net::IpAddr, time::Duration};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use tokio::time::Instant;
use tonic::{Request, Status};
use tonic_kube_auth::grpc_timeout;

use crate::{
    door::Place,
    error::{self, HttpError},
};

/// gRPC's own way to say how long the caller waits; in HTTP it is heeded too.
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The same for people: `500ms`, `2s`, or a number of seconds.
const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// The trace, as [W3C Trace Context](https://www.w3.org/TR/trace-context/) writes it, and how long each may be.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const MAX_TRACEPARENT: usize = 128;
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const MAX_TRACESTATE: usize = 512;

/// The longest that a `grpc-timeout` can say, 99,999,999 hours: what is longer cannot go on with a call.
const MAX_TIMEOUT: Duration = Duration::from_secs(99_999_999 * 60 * 60);

/// What a request hands on to the call it becomes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passing {
    /// When the caller stops waiting, if it said so.
    pub(crate) deadline: Option<Instant>,
    /// The machine that the request comes from.
    pub(crate) peer: Option<IpAddr>,
    /// Its place among the requests under way, which a call keeps that is still made when nobody waits for it any more.
    pub(crate) place: Option<Place>,
    trace: HeaderMap,
}

// === impl Passing ===

impl Passing {
    /// Reads the headers of a request that has just arrived.
    ///
    /// A timeout that cannot be read is an error, as its caller counts on it; a trace that is none is left out.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Status> {
        let timeouts = [
            read(headers, &GRPC_TIMEOUT, |_text| grpc_timeout(headers))?,
            read(headers, &REQUEST_TIMEOUT, duration)?,
        ];
        let shortest = timeouts.into_iter().flatten().min();
        Ok(Self {
            // What lies beyond the end of time is no deadline.
            deadline: shortest
                .filter(|timeout| *timeout <= MAX_TIMEOUT)
                .and_then(|timeout| Instant::now().checked_add(timeout)),
            peer: None,
            place: None,
            trace: trace(headers),
        })
    }

    /// Of a caller that stops waiting then.
    #[cfg(test)]
    pub(crate) fn until(deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..Self::default()
        }
    }

    /// What was read when the request arrived.
    pub(crate) fn found_in(extensions: &http::Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// By when a call must be answered that begins now and may take so long.
    pub(crate) fn deadline_within(&self, most: Duration) -> Instant {
        let ours = Instant::now() + most;
        self.deadline.map_or(ours, |theirs| theirs.min(ours))
    }

    /// Makes a call part of the request's trace, and has it keep the request's place.
    pub(crate) fn put_into<M>(&self, call: &mut Request<M>) {
        call.metadata_mut().as_mut().extend(self.trace.clone());
        if let Some(place) = self.place.clone() {
            call.extensions_mut().insert(place);
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Passing {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, HttpError> {
        Ok(Self::found_in(&parts.extensions))
    }
}

/// The one value of a header, read; nothing when there is no such header.
fn read(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<Duration>,
) -> Result<Option<Duration>, Status> {
    let mut values = headers.get_all(name).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().ok().and_then(read),
        (Some(_), Some(_)) => None,
    };
    value.map(Some).ok_or_else(|| {
        let example = if *name == GRPC_TIMEOUT {
            "500m"
        } else {
            "500ms"
        };
        error::bad_field(
            name.as_str(),
            format!("must be there once, as for example {example}"),
        )
    })
}

fn duration(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| humantime::parse_duration(text).ok())
}

fn trace(headers: &HeaderMap) -> HeaderMap {
    let mut trace = HeaderMap::new();
    let Some(parent) = one(headers, &TRACEPARENT, MAX_TRACEPARENT) else {
        return trace;
    };
    trace.insert(TRACEPARENT, parent);
    if let Some(state) = one(headers, &TRACESTATE, MAX_TRACESTATE) {
        trace.insert(TRACESTATE, state);
    }
    trace
}

/// The one value of a header that is text, and not too long.
fn one(headers: &HeaderMap, name: &HeaderName, most: usize) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    let is_fit = values.next().is_none() && value.len() <= most && value.to_str().is_ok();
    is_fit.then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, HeaderValue};
    use tokio::time::Instant;
    use tonic::Code;

    use super::Passing;

    fn mk_headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn timeout(pairs: &[(&'static str, &str)]) -> Result<Option<Duration>, Code> {
        let passing = Passing::of(&mk_headers(pairs)).map_err(|status| status.code())?;
        Ok(passing.deadline.map(|deadline| deadline - Instant::now()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_says_how_long_it_waits_in_either_header_and_the_shorter_counts() {
        let ms = |ms| Ok(Some(Duration::from_millis(ms)));

        assert_eq!(timeout(&[]), Ok(None));
        assert_eq!(timeout(&[("grpc-timeout", "250m")]), ms(250));
        assert_eq!(timeout(&[("x-request-timeout", "250ms")]), ms(250));
        assert_eq!(timeout(&[("x-request-timeout", "2s")]), ms(2_000));
        assert_eq!(timeout(&[("x-request-timeout", "2")]), ms(2_000));
        assert_eq!(timeout(&[("x-request-timeout", "0")]), ms(0));
        let both = [("grpc-timeout", "3S"), ("x-request-timeout", "1s")];
        assert_eq!(timeout(&both), ms(1_000));
    }

    #[tokio::test(start_paused = true)]
    async fn what_lies_beyond_the_end_of_time_is_no_deadline() {
        for endless in [u64::MAX, 100_000_000 * 60 * 60] {
            let endless = endless.to_string();

            assert_eq!(timeout(&[("x-request-timeout", &endless)]), Ok(None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_timeout_can_go_on_with_a_call() {
        let longest = timeout(&[("grpc-timeout", "99999999H")]).unwrap().unwrap();

        tonic::Request::new(()).set_timeout(longest);
    }

    #[test]
    fn a_timeout_that_cannot_be_read_is_refused() {
        for pairs in [
            &[("grpc-timeout", "1s")][..],
            &[("grpc-timeout", "")],
            &[("x-request-timeout", "soon")],
            &[("x-request-timeout", "-1")],
            &[("x-request-timeout", "inf")],
            &[("x-request-timeout", "1s"), ("x-request-timeout", "1s")],
        ] {
            assert_eq!(timeout(pairs), Err(Code::InvalidArgument), "{pairs:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_as_long_as_its_caller_waits_and_we_allow() {
        let passing = Passing::of(&mk_headers(&[("x-request-timeout", "2s")])).unwrap();
        let now = Instant::now();

        for (ours, expected) in [(1, 1), (3, 2)] {
            let deadline = passing.deadline_within(Duration::from_secs(ours));

            assert_eq!(deadline - now, Duration::from_secs(expected));
        }
    }

    #[test]
    fn a_trace_goes_on_and_nothing_else_does() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers = mk_headers(&[
            ("traceparent", parent),
            ("tracestate", "a=b"),
            ("authorization", "Bearer of-the-user"),
            ("x-client-id", "of-the-user"),
            ("cookie", "secret"),
        ]);
        let mut call = tonic::Request::new(());

        Passing::of(&headers).unwrap().put_into(&mut call);

        assert_eq!(
            call.into_parts().0.into_headers(),
            mk_headers(&[("traceparent", parent), ("tracestate", "a=b")])
        );
    }

    #[test]
    fn what_is_no_trace_is_left_out() {
        let (long, parent) = ("x".repeat(1_000), "00-a-b-01");
        for pairs in [
            &[("traceparent", long.as_str())][..],
            &[("traceparent", parent), ("traceparent", parent)],
            &[("tracestate", "a=b")],
        ] {
            let passing = Passing::of(&mk_headers(pairs)).unwrap();

            assert!(passing.trace.is_empty(), "{pairs:?}");
        }
        let bounded = mk_headers(&[("traceparent", parent), ("tracestate", &long)]);
        assert_eq!(Passing::of(&bounded).unwrap().trace.len(), 1);
    }
}
