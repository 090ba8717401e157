//! What is done about a token that nothing is known of, or nothing new enough.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    Authenticate, Identity, Refusal, Token,
    authn::{
        cached::{Cached, Outcome, Question},
        fingerprint::Fingerprint,
        flight::{Boarding, Flight},
        limit::{Account, Permit},
        store::Known,
    },
    metrics::server::Lookup,
    server::bearer::Credential,
};

impl<A: Authenticate> Cached<A> {
    /// Answers a question, by asking or with whoever asks already.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped, the question goes on, and its answer is remembered.
    pub(crate) async fn ask(&self, question: Question) -> Outcome {
        let Question {
            credential,
            key,
            lookup,
            account,
        } = question;
        let token = self.worth_asking(&credential)?;
        let outcome = match self.board(key, token, account) {
            Boarding::Joined(flight) => {
                self.metrics.looked_up(Lookup::Joined);
                landed(flight).await
            }
            Boarding::Started(flight) => {
                self.metrics.looked_up(lookup);
                landed(flight).await
            }
            Boarding::Settled(outcome) => {
                self.metrics.looked_up(lookup);
                outcome
            }
        };
        match outcome {
            // That too much was asked of us is no outage: the caller may have brought it about.
            Err(refusal @ (Refusal::KubernetesUnavailable | Refusal::VerifierMisconfigured)) => {
                self.accept_old(&key).ok_or(refusal)
            }
            outcome => outcome,
        }
    }

    /// Starts to ask anew about a token that was proven, unless somebody does already; its caller need not wait.
    pub(super) fn renew(&self, key: Fingerprint, credential: &Credential, now: Instant) {
        if !self.flights.is_under_way(&key)
            && self.outage.may_ask(now)
            && let Ok(token) = self.worth_asking(credential)
        {
            let _goes_on_by_itself = self.board(key, token, Account::Refresh);
        }
    }

    fn worth_asking(&self, credential: &Credential) -> Result<Token, Refusal> {
        let token = credential.parse()?;
        self.screen.check(&token)?;
        Ok(token)
    }

    fn board(&self, key: Fingerprint, token: Token, account: Account) -> Boarding<Outcome> {
        self.flights.board(key, || {
            // Somebody may have been answered since we looked.
            match self.store.look_up(&key, Instant::now()) {
                Known::Fresh { identity, is_late } if !is_late || account != Account::Refresh => {
                    return Err(Ok(identity));
                }
                Known::Refused(refusal) => return Err(Err(refusal)),
                Known::Fresh { .. } | Known::Old(_) | Known::Dead | Known::Nothing => (),
            }
            let permit = self.limits.acquire(account).ok_or_else(|| {
                self.metrics.shed();
                Err(Refusal::Overloaded)
            })?;
            Ok(self.review(key, token, permit))
        })
    }

    /// One question, and what is to be remembered of its answer.
    fn review(
        &self,
        key: Fingerprint,
        token: Token,
        permit: Permit,
    ) -> impl Future<Output = Outcome> + Send + use<A> {
        let (inner, store, outage) = (
            Arc::clone(&self.inner),
            Arc::clone(&self.store),
            Arc::clone(&self.outage),
        );
        let (audience, clock, metrics) = (
            self.audience.clone(),
            self.clock.clone(),
            self.metrics.clone(),
        );
        async move {
            let _held = (permit, metrics.review_under_way());
            let began = Instant::now();
            let found = inner.authenticate(&token).await;
            let (now, wall) = (Instant::now(), clock.now());
            let outcome = found.map(|user| Arc::new(Identity::from(user)));
            match &outcome {
                Ok(identity) if identity.is_meant_for(&audience) => {
                    store.proven(key, identity, now, wall);
                }
                // No real API server answers so. It is a "no", but not worth remembering.
                Ok(_somebody_elses) => store.forget(&key),
                Err(refusal) if refusal.blames_caller() => store.refused(key, refusal, now),
                Err(_ours) => (),
            }
            match &outcome {
                Err(Refusal::KubernetesUnavailable | Refusal::VerifierMisconfigured) => {
                    outage.failed(began, now);
                }
                Err(Refusal::Overloaded | Refusal::DeadlineExceeded) => (),
                Ok(_) | Err(_) => outage.answered(now),
            }
            metrics.remembers(store.len());
            outcome
        }
    }

    /// The caller of a token that was proven within the outage budget.
    fn accept_old(&self, key: &Fingerprint) -> Option<Arc<Identity>> {
        match self.store.look_up(key, Instant::now()) {
            Known::Old(identity) => Some(self.accept(identity)),
            Known::Fresh { identity, .. } => Some(identity),
            Known::Dead | Known::Refused(_) | Known::Nothing => None,
        }
    }

    pub(super) fn accept(&self, identity: Arc<Identity>) -> Arc<Identity> {
        self.outage.accepted(self.lives.outage_budget);
        self.metrics.accepted_in_outage();
        identity
    }
}

async fn landed(flight: Flight<Outcome>) -> Outcome {
    let crashed = Err(Refusal::KubernetesUnavailable);
    flight.landed().await.unwrap_or(crashed)
}
