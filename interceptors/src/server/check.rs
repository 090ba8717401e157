//! The order of checks. It is the security argument, and this is the one place where it stands.
//!
//! ```text
//! header ── one credential of a sane length, or refused                         server/bearer.rs
//! token  ── known: it was proven, or refused, not long ago                      authn/store.rs
//!        ── worth a question: a JWT, not expired, not meant for somebody else   authn/screen.rs
//!        ── genuine, says Kubernetes, asked for our audience                    authn/token_review.rs
//!        ── meant for us: our audience is among those Kubernetes confirmed      here
//!        ── a service account's                                                 here
//!        ── of a service account that may do this                               authz/allow_list.rs
//! Caller ── and only now does the handler run
//! ```
//!
//! Each step can only refuse, but for the memory of a proof, which stands for the two steps after it. Whatever is missing — token,
//! audience, rule, answer — the outcome is "no".

use std::sync::Arc;

use http::request::Parts;
use tokio::time;

use crate::{
    Authenticate, Authorize, Caller, Identity, Refusal, ServiceAccount,
    authn::cached::{Cached, Question, Recalled},
    server::{bearer, deadline, verdict},
};

/// What every caller is measured by.
#[derive(Debug)]
pub(crate) struct Checks<A, Z> {
    pub(crate) authenticator: Cached<A>,
    pub(crate) policy: Z,
}

/// A call after everything that could be checked without waiting.
#[derive(Debug)]
pub(crate) enum Checked {
    Decided(Result<Caller, Refusal>),
    Waiting(Waiting),
}

/// What a call waits for.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// To learn whose token it is.
    Authenticator(Question),
    /// To learn what the caller may do.
    Policy(Arc<Identity>),
}

// === impl Checks ===

impl<A: Authenticate, Z: Authorize> Checks<A, Z> {
    /// Takes the token out of a request, and checks what can be checked at once. For a token known already that is everything, and costs
    /// no allocation.
    pub(crate) fn begin(&self, request: &mut Parts) -> Checked {
        let recalled = match bearer::take(&mut request.headers) {
            Ok(credential) => self.authenticator.recall(credential, &request.extensions),
            Err(refusal) => Recalled::Known(Err(refusal)),
        };
        match recalled {
            Recalled::Unknown(question) => Checked::Waiting(Waiting::Authenticator(question)),
            Recalled::Known(Err(refusal)) => {
                Checked::Decided(self.conclude(request, None, Err(refusal)))
            }
            Recalled::Known(Ok(identity)) => match self.decide_now(&identity, request) {
                Some(outcome) => Checked::Decided(self.conclude(request, Some(&identity), outcome)),
                None => Checked::Waiting(Waiting::Policy(identity)),
            },
        }
    }

    /// Checks the rest, within the caller's own deadline.
    pub(crate) async fn finish(
        &self,
        waiting: Waiting,
        request: &Parts,
    ) -> Result<Caller, Refusal> {
        let mut found = None;
        let rest = async {
            let identity = found.insert(match waiting {
                Waiting::Authenticator(question) => self.authenticator.ask(question).await?,
                Waiting::Policy(identity) => identity,
            });
            self.decide(identity, request).await
        };
        let outcome = match deadline::grpc_timeout(&request.headers) {
            None => rest.await,
            Some(deadline) => time::timeout(deadline, rest)
                .await
                .unwrap_or(Err(Refusal::DeadlineExceeded)),
        };
        self.conclude(request, found.as_deref(), outcome)
    }

    /// Decides about a caller whose token was proven.
    async fn decide(&self, identity: &Arc<Identity>, request: &Parts) -> Result<Caller, Refusal> {
        let account = self.account(identity)?;
        self.policy.authorize(identity, account, request).await?;
        Ok(Caller::new(Arc::clone(identity)))
    }

    /// The same, if the policy need not wait.
    fn decide_now(
        &self,
        identity: &Arc<Identity>,
        request: &Parts,
    ) -> Option<Result<Caller, Refusal>> {
        let allowed = match self.account(identity) {
            Ok(account) => self.policy.authorize_now(identity, account, request)?,
            Err(refusal) => Err(refusal),
        };
        Some(allowed.map(|()| Caller::new(Arc::clone(identity))))
    }

    /// The service account of a caller whose token is meant for us.
    fn account<'a>(&self, identity: &'a Identity) -> Result<ServiceAccount<'a>, Refusal> {
        let ours = self.authenticator.audience();
        if !identity.is_meant_for(ours) {
            return Err(Refusal::AudienceMismatch {
                expected: ours.clone(),
            });
        }
        identity.service_account().ok_or(Refusal::NotAllowed)
    }

    /// Logs and counts the verdict.
    fn conclude(
        &self,
        request: &Parts,
        found: Option<&Identity>,
        outcome: Result<Caller, Refusal>,
    ) -> Result<Caller, Refusal> {
        verdict::log(request, found, outcome.as_ref().err());
        match &outcome {
            Ok(_) => self.authenticator.metrics().admitted(),
            Err(refusal) => self.authenticator.metrics().refused(refusal),
        }
        outcome
    }
}
