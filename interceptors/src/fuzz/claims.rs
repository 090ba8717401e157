//! A token → what it says of itself, and whether it is worth a question.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{Clock, Token, UnverifiedClaims, authn::screen::Screen, fuzz::json};

/// When the recorded tokens were good, in seconds since the epoch.
const NOW: u32 = 1_795_454_840;

/// The leeway that Kubernetes gives, in seconds.
const LEEWAY: f64 = 60.0;

const AUDIENCE: &str = "data-store";

/// Reads the text as a token, and as the payload of one, and screens both.
///
/// - The claims are what the JSON says, and are read the same a second time.
/// - A token without claims is refused as malformed.
/// - One with claims is refused exactly when it expired more than a minute ago, or else names audiences and not ours.
///
/// # Panics
///
/// When any of this does not hold.
pub fn claims(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        check(text);
    }
    check(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(data)));
}

fn check(text: &str) {
    let Ok(token) = Token::parse(text) else {
        return;
    };

    let claims = UnverifiedClaims::read(&token);
    let audience = AUDIENCE.parse().expect("a constant audience must be one");
    let screen = Screen::new(audience, Clock::stopped_at(NOW.into()));
    let refusal = screen.check(&token).err();

    assert_eq!(claims, UnverifiedClaims::read(&token));
    let expected = match claims {
        Ok(claims) => expected(&claims, text),
        Err(_not_a_jwt) => Some("TOKEN_MALFORMED"),
    };
    let status = refusal.as_ref().map(|refusal| refusal.to_status().code());
    assert_eq!(
        status,
        expected.is_some().then_some(tonic::Code::Unauthenticated)
    );
    assert_eq!(refusal.and_then(|refusal| refusal.reason()), expected);
}

/// Compares the claims with what the payload says when it is read again, and decides by the latter.
fn expected(claims: &UnverifiedClaims, text: &str) -> Option<&'static str> {
    let payload = text.split('.').nth(1).expect("a JWT must have a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload);
    let payload = payload.expect("the payload of a JWT must be base64url");

    let audiences = json::strings(&payload, &["aud"]);
    assert_eq!(claims.audiences, audiences);
    let exp = json::field(&payload, &["exp"]);
    let exp = exp.as_ref().and_then(Value::as_f64);
    // No clock shows a time before the epoch, or one whose seconds do not fit into 63 bits.
    let exp = exp.filter(|exp| (0.0..2_f64.powi(63)).contains(exp));
    assert_eq!(claims.expires_at.is_some(), exp.is_some());

    if exp.is_some_and(|exp| exp + LEEWAY < f64::from(NOW)) {
        Some("TOKEN_EXPIRED")
    } else if !audiences.is_empty() && !audiences.iter().any(|audience| audience == AUDIENCE) {
        Some("AUDIENCE_MISMATCH")
    } else {
        None
    }
}
