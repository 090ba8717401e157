//! Cheap checks before anybody is asked.

use std::time::Duration;

use crate::{Audience, Clock, Refusal, Token, UnverifiedClaims, server::refusal::Malformed};

/// How long after its expiry Kubernetes still accepts a token. Refusing sooner would refuse what it accepts.
const LEEWAY: Duration = Duration::from_secs(60);

/// Refuses a token that no question could save: not a JWT, expired, or meant for somebody else.
///
/// What it reads is not verified, so it can only refuse: whatever looks right must still be asked about. A token that names no audience is
/// worth asking about too: it counts as meant for the API server, and Kubernetes will say so.
#[derive(Debug)]
pub(crate) struct Screen {
    audience: Audience,
    clock: Clock,
}

// === impl Screen ===

impl Screen {
    pub(crate) fn new(audience: Audience, clock: Clock) -> Self {
        Self { audience, clock }
    }

    pub(crate) fn check(&self, token: &Token) -> Result<(), Refusal> {
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::Screen;
    use crate::{Clock, NotAJwt, Refusal, Token, server::refusal::Malformed};

    const NOW: u64 = 1_795_454_840;

    /// Screens a token with these claims.
    fn screen(claims: &str) -> Result<(), Refusal> {
        let screen = Screen::new("data-store".parse().unwrap(), Clock::stopped_at(NOW));
        let token = Token::parse(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)));
        screen.check(&token.unwrap())
    }

    #[test]
    fn lets_through_whatever_might_be_genuine() {
        for claims in [
            format!(r#"{{"aud":["data-store"],"exp":{}}}"#, NOW + 600),
            format!(r#"{{"aud":["other","data-store"],"exp":{}}}"#, NOW - 60),
            r#"{"aud":"data-store"}"#.to_owned(),
            "{}".to_owned(),
        ] {
            assert_eq!(screen(&claims), Ok(()), "{claims}");
        }
    }

    #[test]
    fn refuses_an_expired_token_once_the_leeway_of_kubernetes_is_over() {
        let exp = NOW - 61;

        let refusal = screen(&format!(r#"{{"aud":["data-store"],"exp":{exp}}}"#)).unwrap_err();

        let at = UNIX_EPOCH + Duration::from_secs(exp);
        assert_eq!(refusal, Refusal::Expired { at });
    }

    #[test]
    fn refuses_a_token_meant_for_somebody_else() {
        let refusal = screen(r#"{"aud":["other","data-store-2"]}"#).unwrap_err();

        let expected = "data-store".parse().unwrap();
        assert_eq!(refusal, Refusal::AudienceMismatch { expected });
    }

    #[test]
    fn refuses_what_is_no_jwt() {
        let refusal = screen("not json").unwrap_err();

        assert_eq!(refusal, Refusal::Malformed(Malformed::Jwt(NotAJwt)));
    }
}
