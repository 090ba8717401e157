//! What a token says of itself before anybody has checked it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::Token;

/// Claims of a JSON Web Token whose signature nobody has verified: hints, never proof.
///
/// They may be used to refuse a token early, or to know when our own will expire. They must never be used to admit anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedClaims {
    /// Whom the token is meant for; empty when it does not say.
    pub audiences: Vec<String>,
    /// When it expires; nothing when it does not say, or names a time that no clock will show.
    pub expires_at: Option<SystemTime>,
}

/// The text is not a JSON Web Token in its compact form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not a JSON Web Token")]
pub struct NotAJwt;

/// The claims we look at, as RFC 7519 writes them.
#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    aud: OneOrMany,
    #[serde(default)]
    exp: Option<f64>,
}

/// RFC 7519, section 4.1.3: an array of strings, or a single string.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

// === impl UnverifiedClaims ===

impl UnverifiedClaims {
    /// Reads the claims, and verifies nothing.
    ///
    /// # Errors
    ///
    /// [`NotAJwt`] when the token does not have three parts, or the second is not a JSON object with claims of the right types.
    pub fn read(token: &Token) -> Result<Self, NotAJwt> {
        let mut parts = token.expose().split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAJwt);
        };
        if header.is_empty() || signature.is_empty() {
            return Err(NotAJwt);
        }
        let json = URL_SAFE_NO_PAD.decode(payload).map(Zeroizing::new);
        let json = json.map_err(|_not_base64| NotAJwt)?;
        // serde would read a struct from an array as well; a claims set is an object.
        if json.first() != Some(&b'{') {
            return Err(NotAJwt);
        }
        let payload: Payload = serde_json::from_slice(&json).map_err(|_not_claims| NotAJwt)?;

        Ok(Self {
            audiences: match payload.aud {
                OneOrMany::One(audience) => vec![audience],
                OneOrMany::Many(audiences) => audiences,
            },
            expires_at: payload.exp.and_then(instant),
        })
    }
}

/// RFC 7519, section 2: a NumericDate is seconds since the epoch, and may have a fraction.
fn instant(seconds: f64) -> Option<SystemTime> {
    let since_epoch = Duration::try_from_secs_f64(seconds).ok()?;
    UNIX_EPOCH.checked_add(since_epoch)
}

// === impl OneOrMany ===

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::{NotAJwt, UnverifiedClaims};
    use crate::Token;

    fn mk_token(payload: &str) -> Token {
        Token::parse(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))).unwrap()
    }

    #[test]
    fn reads_audiences_and_expiry() {
        let claims = UnverifiedClaims::read(&mk_token(
            r#"{"aud":["data-store","other"],"exp":1795455440}"#,
        ))
        .unwrap();

        assert_eq!(claims.audiences, ["data-store", "other"]);
        assert_eq!(
            claims.expires_at,
            Some(UNIX_EPOCH + Duration::from_secs(1_795_455_440))
        );
    }

    #[test]
    fn an_audience_may_be_a_plain_string() {
        let claims = UnverifiedClaims::read(&mk_token(r#"{"aud":"data-store"}"#)).unwrap();

        assert_eq!(claims.audiences, ["data-store"]);
    }

    #[test]
    fn absent_claims_are_absent() {
        let claims = UnverifiedClaims::read(&mk_token("{}")).unwrap();

        assert_eq!(
            claims,
            UnverifiedClaims {
                audiences: vec![],
                expires_at: None
            }
        );
    }

    #[test]
    fn an_expiry_no_clock_will_show_is_no_expiry() {
        for exp in ["-1", "1e300", "18446744073709551615"] {
            let claims = UnverifiedClaims::read(&mk_token(&format!(r#"{{"exp":{exp}}}"#))).unwrap();

            assert_eq!(claims.expires_at, None, "{exp}");
        }
    }

    #[test]
    fn what_is_not_a_jwt_has_no_claims() {
        for text in [
            "dummy",
            "a.b",
            "a.b.c",
            "a.e30.c.d",
            ".e30.c",
            "a.e30.",
            "a.W10.c",
            "a..c",
        ] {
            let token = Token::parse(text).unwrap();

            assert_eq!(UnverifiedClaims::read(&token), Err(NotAJwt), "{text}");
        }
        assert_eq!(
            UnverifiedClaims::read(&mk_token(r#"{"exp":"soon"}"#)),
            Err(NotAJwt)
        );
        assert_eq!(
            UnverifiedClaims::read(&mk_token(r#"{"aud":[1]}"#)),
            Err(NotAJwt)
        );
    }
}
