//! Cheap checks before anybody is asked.

use std::{sync::Arc, time::Duration};

use crate::{
    Audience, Authenticate, Clock, Identity, Refusal, Token, UnverifiedClaims,
    server::refusal::Malformed,
};

/// How long after its expiry Kubernetes still accepts a token. Refusing sooner would refuse what it accepts.
const LEEWAY: Duration = Duration::from_secs(60);

/// Refuses a token that no question could save: not a JWT, expired, or meant for somebody else.
///
/// What it reads is not verified, so it can only refuse: whatever looks right goes on to the inner authenticator. A token that names no
/// audience goes on too: it counts as meant for the API server, and Kubernetes will say so.
#[derive(Debug)]
pub(crate) struct Screened<A> {
    inner: A,
    audience: Audience,
    clock: Clock,
}

// === impl Screened ===

impl<A> Screened<A> {
    pub(crate) fn new(inner: A, audience: Audience, clock: Clock) -> Self {
        Self {
            inner,
            audience,
            clock,
        }
    }

    fn screen(&self, token: &Token) -> Result<(), Refusal> {
        let claims = UnverifiedClaims::read(token)
            .map_err(|not_a_jwt| Refusal::Malformed(Malformed::Jwt(not_a_jwt)))?;
        if let Some(at) = claims.expires_at
            && at
                .checked_add(LEEWAY)
                .is_some_and(|end| end < self.clock.now())
        {
            return Err(Refusal::Expired { at });
        }
        let names_us = |audience: &String| audience == self.audience.as_str();
        if !claims.audiences.is_empty() && !claims.audiences.iter().any(names_us) {
            return Err(Refusal::AudienceMismatch {
                expected: self.audience.clone(),
            });
        }
        Ok(())
    }
}

impl<A: Authenticate> Authenticate for Screened<A> {
    async fn authenticate(&self, token: &Token) -> Result<Arc<Identity>, Refusal> {
        self.screen(token)?;
        self.inner.authenticate(token).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::{Duration, UNIX_EPOCH},
    };

    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::Screened;
    use crate::{
        Authenticate, Clock, Identity, NotAJwt, Refusal, Token, server::refusal::Malformed,
    };

    const NOW: u64 = 1_795_454_840;

    /// Screens a token with these claims; answers the verdict and how often the inner authenticator was asked.
    async fn screen(claims: &str) -> (Result<Arc<Identity>, Refusal>, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let inner = move |_token: &Token| {
            counter.fetch_add(1, Ordering::Relaxed);
            future::ready(Ok(Arc::new(Identity::default())))
        };
        let screened = Screened::new(inner, "data-store".parse().unwrap(), Clock::stopped_at(NOW));
        let token = Token::parse(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))).unwrap();

        let outcome = screened.authenticate(&token).await;
        (outcome, asked.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn lets_through_whatever_might_be_genuine() {
        for claims in [
            format!(r#"{{"aud":["data-store"],"exp":{}}}"#, NOW + 600),
            format!(r#"{{"aud":["other","data-store"],"exp":{}}}"#, NOW - 60),
            r#"{"aud":"data-store"}"#.to_owned(),
            "{}".to_owned(),
        ] {
            let (outcome, asked) = screen(&claims).await;

            outcome.unwrap();
            assert_eq!(asked, 1, "{claims}");
        }
    }

    #[tokio::test]
    async fn refuses_an_expired_token_once_the_leeway_of_kubernetes_is_over_and_asks_nobody() {
        let exp = NOW - 61;
        let (outcome, asked) = screen(&format!(r#"{{"aud":["data-store"],"exp":{exp}}}"#)).await;

        let at = UNIX_EPOCH + Duration::from_secs(exp);
        assert_eq!(outcome.unwrap_err(), Refusal::Expired { at });
        assert_eq!(asked, 0);
    }

    #[tokio::test]
    async fn refuses_a_token_meant_for_somebody_else_and_asks_nobody() {
        let (outcome, asked) = screen(r#"{"aud":["other","data-store-2"]}"#).await;

        let expected = "data-store".parse().unwrap();
        assert_eq!(outcome.unwrap_err(), Refusal::AudienceMismatch { expected });
        assert_eq!(asked, 0);
    }

    #[tokio::test]
    async fn refuses_what_is_no_jwt_and_asks_nobody() {
        let (outcome, asked) = screen("not json").await;

        assert_eq!(
            outcome.unwrap_err(),
            Refusal::Malformed(Malformed::Jwt(NotAJwt))
        );
        assert_eq!(asked, 0);
    }
}
