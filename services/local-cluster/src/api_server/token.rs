//! Service-account tokens as text: a JWS in compact form, signed with RS256.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use crate::api_server::keys::{Keyring, SigningKey};

/// A token taken apart. Nothing in it is proven yet, see [`Parsed::is_signed`].
pub(crate) struct Parsed<'a> {
    pub(crate) claims: Value,
    header: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

/// Why a token's signature does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("invalid signature, no keys found")]
    UnknownKey,
    #[error("go-jose/go-jose: error in cryptographic primitive")]
    Wrong,
}

/// Writes `claims` as a token; member order is kept, so what is alphabetical stays so.
pub(crate) fn sign(key: &SigningKey, claims: &Value) -> String {
    let header = json!({ "alg": "RS256", "kid": key.verifying_key().id() });
    let mut token = BASE64.encode(header.to_string());
    token.push('.');
    token.push_str(&BASE64.encode(claims.to_string()));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&BASE64.encode(signature));
    token
}

// === impl Parsed ===

impl<'a> Parsed<'a> {
    /// Takes a token apart; `None` when it is no JWS in compact form.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| {
            let value: Value = serde_json::from_slice(&BASE64.decode(part).ok()?).ok()?;
            value.is_object().then_some(value)
        };
        Some(Self {
            claims: object(claims)?,
            header: object(header)?,
            signed,
            signature: BASE64.decode(signature).ok()?,
        })
    }

    /// Checks that one of our keys signed it.
    pub(crate) fn is_signed(&self, keys: &Keyring) -> Result<(), SignatureError> {
        let id = self.header["kid"].as_str().unwrap_or_default();
        let mut candidates = keys.candidates(id).peekable();
        if candidates.peek().is_none() {
            return Err(SignatureError::UnknownKey);
        }
        // Whatever the header claims, only RS256 is ever computed: `none` has no say.
        let is_genuine = self.header["alg"] == "RS256"
            && candidates.any(|key| key.verifies(self.signed.as_bytes(), &self.signature));
        if is_genuine {
            Ok(())
        } else {
            Err(SignatureError::Wrong)
        }
    }
}
