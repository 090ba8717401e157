//! Puts the checks in front of a service.

use std::sync::Arc;

use http::request::Parts;
use tower::Layer;

use crate::{
    Auth, Authenticate, Authorize, Cached, Caller, Refusal,
    server::check::{Checked, Checks},
};

/// Admits to a service only callers that authenticate, are meant for it, and are allowed.
///
/// It wraps any HTTP service: a tonic one gets its refusals as gRPC statuses, an axum one as 401, 403, 503 or 504 with a JSON body.
/// A layer outside finds the [`Refusal`] itself in the extensions of the answer. Put it on each service that needs it, not on the whole server, so that health checks and reflection stay open:
///
/// ```
/// # use tonic_kube_auth::{AllowList, Audience, AuthLayer, Cached, TokenReviewer};
/// use tonic::service::LayerExt as _;
///
/// # fn guard<S: tonic::server::NamedService + Clone>(client: kube::Client, service: S) -> Result<(), Box<dyn std::error::Error>> {
/// let audience: Audience = "data-store".parse()?;
/// let reviewer = TokenReviewer::new(client, audience.clone());
/// let auth = AuthLayer::new(Cached::new(reviewer, audience), "api/api".parse::<AllowList>()?);
/// let service = auth.named_layer(service);
/// # let _ = service; Ok(()) }
/// ```
///
/// What belongs outside it: tracing, limits on connections and on message size. What it does not protect against: a caller that passes on
/// a token it was given for this very audience, and anybody who can read the wire when there is no TLS.
#[derive(Debug)]
pub struct AuthLayer<A, Z> {
    checks: Arc<Checks<A, Z>>,
}

// === impl AuthLayer ===

impl<A: Authenticate, Z: Authorize> AuthLayer<A, Z> {
    /// Asks `authenticator` who is calling, insists on its audience, and lets `policy` decide who may.
    #[must_use]
    pub fn new(authenticator: Cached<A>, policy: Z) -> Self {
        Self {
            checks: Arc::new(Checks {
                authenticator,
                policy,
            }),
        }
    }

    /// Checks a request by itself, where there is no service to wrap. The token is taken out of it.
    ///
    /// # Errors
    ///
    /// The [`Refusal`]; it is logged and counted already.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped, nothing is decided; a question to Kubernetes goes on, and its answer is remembered.
    pub async fn check(&self, request: &mut Parts) -> Result<Caller, Refusal> {
        match self.checks.begin(request) {
            Checked::Decided(outcome) => outcome,
            Checked::Waiting(waiting) => self.checks.finish(waiting, request).await,
        }
    }
}

impl<A, Z> Clone for AuthLayer<A, Z> {
    fn clone(&self) -> Self {
        Self {
            checks: Arc::clone(&self.checks),
        }
    }
}

impl<S, A, Z> Layer<S> for AuthLayer<A, Z> {
    type Service = Auth<S, A, Z>;

    fn layer(&self, inner: S) -> Self::Service {
        Auth::new(inner, Arc::clone(&self.checks))
    }
}
