//! Puts the checks in front of a service.

use std::sync::Arc;

use tower::Layer;

use crate::{
    Audience, Auth, Authenticate, Authorize, authn::Screened, clock::Clock, server::check::Checks,
};

/// Admits to a service only callers that authenticate, are meant for it, and are allowed.
///
/// It wraps any HTTP service: a tonic one gets its refusals as gRPC statuses, an axum one as 401, 403, 503 or 504 with a JSON body.
/// Put it on each service that needs it, not on the whole server, so that health checks and reflection stay open:
///
/// ```
/// # use tonic_kube_auth::{AllowList, Audience, AuthLayer, TokenReviewer};
/// use tonic::service::LayerExt as _;
///
/// # fn guard<S: tonic::server::NamedService + Clone>(client: kube::Client, service: S) -> Result<(), Box<dyn std::error::Error>> {
/// let audience: Audience = "data-store".parse()?;
/// let allow: AllowList = "api/api".parse()?;
/// let auth = AuthLayer::new(TokenReviewer::new(client, audience.clone()), audience, allow);
/// let service = auth.named_layer(service);
/// # let _ = service; Ok(()) }
/// ```
///
/// What belongs outside it: tracing, limits on connections and on message size. What it does not protect against: a caller that passes on
/// a token it was given for this very audience, and anybody who can read the wire when there is no TLS.
#[derive(Debug)]
pub struct AuthLayer<A, Z> {
    checks: Arc<Checks<Screened<A>, Z>>,
}

// === impl AuthLayer ===

impl<A: Authenticate, Z: Authorize> AuthLayer<A, Z> {
    /// Asks `authenticator` who is calling, insists on `audience`, and lets `policy` decide who may.
    ///
    /// Tokens that no question could save — not a JWT, expired, meant for somebody else — are refused before anybody is asked.
    #[must_use]
    pub fn new(authenticator: A, audience: Audience, policy: Z) -> Self {
        let authenticator = Screened::new(authenticator, audience.clone(), Clock::system());
        Self {
            checks: Arc::new(Checks {
                authenticator,
                audience,
                policy,
            }),
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
