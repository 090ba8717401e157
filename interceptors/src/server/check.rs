//! The order of checks. It is the security argument, and this is the one place where it stands.
//!
//! ```text
//! header ── one well-formed bearer token, or refused                            server/bearer.rs
//! token  ── worth a question: a JWT, not expired, not meant for somebody else   authn/screen.rs
//!        ── genuine, says Kubernetes, asked for our audience                    authn/token_review.rs
//!        ── meant for us: our audience is among those Kubernetes confirmed      here
//!        ── a service account's                                                 here
//!        ── of a service account that may do this                               authz/allow_list.rs
//! Caller ── and only now does the handler run
//! ```
//!
//! Each step can only refuse. Whatever is missing — token, audience, rule, answer — the outcome is "no".

use std::sync::Arc;

use http::request::Parts;
use tokio::time;

use crate::{
    Audience, Authenticate, Authorize, Caller, Identity, Refusal, Token,
    server::{deadline, verdict},
};

/// What every caller is measured by.
#[derive(Debug)]
pub(crate) struct Checks<A, Z> {
    pub(crate) authenticator: A,
    pub(crate) audience: Audience,
    pub(crate) policy: Z,
}

// === impl Checks ===

impl<A: Authenticate, Z: Authorize> Checks<A, Z> {
    /// Decides about one call, within the caller's own deadline, and logs the verdict.
    pub(crate) async fn check(
        &self,
        token: Result<Token, Refusal>,
        request: &Parts,
    ) -> Result<Caller, Refusal> {
        let mut found = None;
        let decision = self.decide(token, request, &mut found);
        let outcome = match deadline::of_caller(&request.headers) {
            None => decision.await,
            Some(deadline) => time::timeout(deadline, decision)
                .await
                .unwrap_or(Err(Refusal::DeadlineExceeded)),
        };
        verdict::log(request, found.as_deref(), outcome.as_ref().err());
        outcome
    }

    async fn decide(
        &self,
        token: Result<Token, Refusal>,
        request: &Parts,
        found: &mut Option<Arc<Identity>>,
    ) -> Result<Caller, Refusal> {
        let token = token?;
        let identity = found.insert(self.authenticator.authenticate(&token).await?);
        // An authority that knows nothing of audiences confirms none. That must not pass for "any".
        if !identity
            .audiences
            .iter()
            .any(|confirmed| confirmed == self.audience.as_str())
        {
            return Err(Refusal::AudienceMismatch {
                expected: self.audience.clone(),
            });
        }
        let account = identity.service_account().ok_or(Refusal::NotAllowed)?;
        self.policy.authorize(identity, &account, request).await?;
        Ok(Caller::new(Arc::clone(identity), account))
    }
}
