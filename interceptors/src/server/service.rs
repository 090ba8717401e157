//! A service behind the checks.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower::Service;

use crate::{
    Authenticate, Authorize,
    server::{
        body::ResponseBody,
        check::{Checked, Checks},
        future::ResponseFuture,
    },
};

/// A service that only proven callers reach; made by [`AuthLayer`](crate::AuthLayer).
///
/// The inner service finds the [`Caller`](crate::Caller) in the request's extensions and never sees the token. A refusal is a response, not
/// an error.
#[derive(Debug)]
pub struct Auth<S, A, Z> {
    inner: S,
    checks: Arc<Checks<A, Z>>,
}

// === impl Auth ===

impl<S, A, Z> Auth<S, A, Z> {
    pub(crate) fn new(inner: S, checks: Arc<Checks<A, Z>>) -> Self {
        Self { inner, checks }
    }
}

impl<S: Clone, A, Z> Clone for Auth<S, A, Z> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.checks))
    }
}

impl<S, A, Z, B, R> Service<Request<B>> for Auth<S, A, Z>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    A: Authenticate,
    Z: Authorize,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The instance that said it is ready makes the call; its clone may not be.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);

        let (mut parts, body) = request.into_parts();
        match self.checks.begin(&mut parts) {
            Checked::Decided(Err(refusal)) => ResponseFuture::refused(refusal, &parts.headers),
            Checked::Decided(Ok(caller)) => {
                parts.extensions.insert(caller);
                ResponseFuture::calling(inner.call(Request::from_parts(parts, body)))
            }
            Checked::Waiting(waiting) => {
                let checks = Arc::clone(&self.checks);
                let review = Box::pin(async move {
                    let outcome = checks.finish(waiting, &parts).await;
                    (outcome, parts)
                });
                ResponseFuture::reviewing(review, inner, body)
            }
        }
    }
}
