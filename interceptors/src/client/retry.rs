//! Makes a call once more when its token was refused and there is another.
//!
//! The kubelet may have replaced the token since the file was last read, or somebody the keys that Kubernetes signs with. The called side
//! says so before it does anything, so the call can be made again:
//!
//! ```text
//! call, with the token in hand ─▶ TOKEN_EXPIRED or TOKEN_REJECTED ─▶ read the file ─ another token ─▶ the same call, with that
//!                              └▶ any other answer: it stands                      └ the same: the refusal stands
//! ```

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, Request, Response, request::Parts};
use pin_project_lite::pin_project;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::{Service, ServiceExt as _};

use crate::{
    ClientMetrics, ERROR_DOMAIN,
    client::{
        attach,
        current::{CurrentToken, Held},
        replay::{self, Recorded},
    },
    metrics::client::AfterRefusal,
};

/// The reasons for a refusal that another token may cure. A wrong audience or a pod that is gone stay so.
const CURABLE: [&str; 2] = ["TOKEN_EXPIRED", "TOKEN_REJECTED"];

/// A channel whose every call carries the token; made by [`AttachToken::on`](crate::AttachToken::on).
///
/// A call that is refused as `TOKEN_EXPIRED` or `TOKEN_REJECTED` has the token file read at once, however many are refused no more than once
/// a second. If there is another token now, the call is made once more, with that; else, or when it is refused again, the refusal is the
/// answer. So is every other answer, whatever it says.
///
/// Only a call whose whole request was there at once, and no longer than 1 MiB and a little, can be made again: a unary call, or a stream
/// that did not wait. It is kept in memory until the first answer begins.
///
/// The called side refuses before it does anything. One that passes on, as its own answer, the refusal that another gave to *it*, may have
/// done its work already and would do it twice: map such a refusal to a code of your own, as the example api maps it to INTERNAL.
///
/// A `grpc-timeout` counts for each of the two attempts. Who must have an answer by then puts a timeout of its own around the call.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    token: CurrentToken,
}

pin_project! {
    /// The answer to come of a call that carries a token: of its only attempt, or of the second.
    ///
    /// Dropping it at any time ends the call.
    pub struct Attempts<S>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        state: State<S>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S>
    where
        S: Service<Request<Body>>,
    {
        // There is no token, and nothing was sent.
        NotMade { status: Option<Status> },
        // Most calls end here.
        First { #[pin] response: S::Future, again: Option<Again<S>>, metrics: ClientMetrics },
        Second { response: Second<S::Response, S::Error> },
    }
}

/// Waits for another token, then for the answer to the second attempt.
type Second<R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send>>;

/// What it takes to make a call once more.
struct Again<S> {
    inner: S,
    token: CurrentToken,
    sent: Arc<Held>,
    parts: Parts,
    body: Recorded,
}

// === impl Retry ===

impl<S> Retry<S> {
    pub(super) fn new(inner: S, token: CurrentToken) -> Self {
        Self { inner, token }
    }
}

impl<S, R> Service<Request<Body>> for Retry<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: Default + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Attempts<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Attempts<S> {
        let Some(sent) = self.token.get() else {
            let status = Some(attach::no_token());
            let state = State::NotMade { status };
            return Attempts { state };
        };
        let (mut parts, body) = request.into_parts();
        let (body, recorded) = replay::record(body);
        let again = recorded.map(|body| Again {
            inner: self.inner.clone(),
            token: self.token.clone(),
            sent: Arc::clone(&sent),
            parts: parts.clone(),
            body,
        });
        sent.put_into(&mut parts.headers);
        Attempts {
            state: State::First {
                response: self.inner.call(Request::from_parts(parts, body)),
                again,
                metrics: self.token.metrics.clone(),
            },
        }
    }
}

// === impl Attempts ===

impl<S, R> Future for Attempts<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: Default + Send + 'static,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::NotMade { status } => {
                    let status = status.take();
                    let status = status.expect("a finished call must not be polled again");
                    return Poll::Ready(Ok(status.into_http()));
                }
                StateProj::First {
                    response,
                    again,
                    metrics,
                } => {
                    let response = ready!(response.poll(cx))?;
                    let Some(reason) = curable(response.headers()) else {
                        return Poll::Ready(Ok(response));
                    };
                    let Some(again) = again.take() else {
                        metrics.refused(AfterRefusal::NotRepeatable);
                        return Poll::Ready(Ok(response));
                    };
                    let response = Box::pin(again.make(response, reason));
                    this.state.set(State::Second { response });
                }
                StateProj::Second { response } => return response.as_mut().poll(cx),
            }
        }
    }
}

impl<S: Service<Request<Body>>> fmt::Debug for Attempts<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::NotMade { .. } => "NotMade",
            State::First { .. } => "First",
            State::Second { .. } => "Second",
        };
        f.debug_tuple("Attempts").field(&state).finish()
    }
}

// === impl Again ===

impl<S, R> Again<S>
where
    S: Service<Request<Body>, Response = Response<R>>,
{
    /// Makes the call with another token, or answers with the refusal when there is none.
    async fn make(
        mut self,
        refusal: Response<R>,
        reason: &'static str,
    ) -> Result<Response<R>, S::Error> {
        let metrics = self.token.metrics.clone();
        let Some(other) = self.token.other_than(&self.sent).await else {
            tracing::debug!(reason, "The token was refused, and there is no other");
            metrics.refused(AfterRefusal::NoOtherToken);
            return Ok(refusal);
        };
        tracing::info!(reason, "The token was refused; calling again with another");
        other.put_into(&mut self.parts.headers);
        let request = Request::from_parts(self.parts, self.body.body());
        let response = self.inner.oneshot(request).await;
        metrics.refused(match &response {
            Ok(response) if is_unauthenticated(response.headers()) => AfterRefusal::RefusedAgain,
            Ok(_) => AfterRefusal::Accepted,
            Err(_) => AfterRefusal::Failed,
        });
        response
    }
}

/// Why the token was refused, if another may be welcome: read from the head of an answer that is nothing but a status.
fn curable(head: &HeaderMap) -> Option<&'static str> {
    if !is_unauthenticated(head) {
        return None;
    }
    let details = head.get(Status::GRPC_STATUS_DETAILS)?.to_str().ok()?;
    let details = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).ok()?;
    let status = Status::with_details(Code::Unauthenticated, "", details.into());
    let info = status.get_details_error_info()?;
    let reason = CURABLE.into_iter().find(|reason| *reason == info.reason)?;
    (info.domain == ERROR_DOMAIN).then_some(reason)
}

fn is_unauthenticated(head: &HeaderMap) -> bool {
    head.get(Status::GRPC_STATUS)
        .is_some_and(|code| code == "16")
}

#[cfg(test)]
mod tests;
