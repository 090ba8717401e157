//! A call on its way: first reviewed, then made or refused.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderValue, Request, Response, header, request::Parts};
use pin_project_lite::pin_project;
use tower::Service;

use crate::{Caller, Refusal, server::body::ResponseBody, status_json};

/// Ends with what the checks found, and gives back the head of the request they looked at.
type Review = Pin<Box<dyn Future<Output = (Result<Caller, Refusal>, Parts)> + Send>>;

pin_project! {
    /// The answer to come of a guarded service.
    ///
    /// Dropping it at any time ends the call: nobody waits for the review any more, a handler that runs is dropped.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        // The inner service and the body wait here, untouched, for the verdict.
        Reviewing { review: Review, call: Option<(S, B)> },
        Calling { #[pin] response: S::Future },
        Refused { refusal: Refusal, is_grpc: bool },
    }
}

// === impl ResponseFuture ===

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(crate) fn reviewing(review: Review, inner: S, body: B) -> Self {
        Self {
            state: State::Reviewing {
                review,
                call: Some((inner, body)),
            },
        }
    }

    pub(crate) fn calling(response: S::Future) -> Self {
        Self {
            state: State::Calling { response },
        }
    }

    pub(crate) fn refused(refusal: Refusal, request: &HeaderMap) -> Self {
        Self {
            state: State::Refused {
                refusal,
                is_grpc: is_grpc(request),
            },
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Reviewing { review, call } => {
                    let (outcome, mut parts) = ready!(review.as_mut().poll(cx));
                    let (mut inner, body) = call
                        .take()
                        .expect("a finished review must not be polled again");
                    match outcome {
                        Err(refusal) => {
                            let is_grpc = is_grpc(&parts.headers);
                            return Poll::Ready(Ok(refuse(&refusal, is_grpc)));
                        }
                        Ok(caller) => {
                            parts.extensions.insert(caller);
                            let response = inner.call(Request::from_parts(parts, body));
                            this.state.set(State::Calling { response });
                        }
                    }
                }
                StateProj::Calling { response } => {
                    let response = ready!(response.poll(cx))?;
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
                StateProj::Refused { refusal, is_grpc } => {
                    return Poll::Ready(Ok(refuse(refusal, *is_grpc)));
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Reviewing { .. } => "Reviewing",
            State::Calling { .. } => "Calling",
            State::Refused { .. } => "Refused",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}

/// A refusal in the language of the caller: trailers-only gRPC (always HTTP 200), or plain HTTP. Layers outside find it in the extensions.
fn refuse<R>(refusal: &Refusal, is_grpc: bool) -> Response<ResponseBody<R>> {
    let status = refusal.to_status();
    let mut response = if is_grpc {
        status.into_http::<()>().map(|()| ResponseBody::refusal(""))
    } else {
        let mut response = Response::new(ResponseBody::refusal(status_json(&status)));
        *response.status_mut() = refusal.http_status();
        *response.headers_mut() = refusal.http_headers();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        response
    };
    response.extensions_mut().insert(refusal.clone());
    response
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"))
}
