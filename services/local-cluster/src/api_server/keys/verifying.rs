//! Public keys: what a signature is checked with, and how a key is named.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    digest,
    rsa::PublicKeyComponents,
    signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use serde_json::{Value, json};

use super::spki;

/// A key that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a usable RSA key: {why}")]
pub struct KeyError {
    why: String,
}

/// Verifies tokens, and is named by the digest of itself, as Kubernetes does.
#[derive(Clone)]
pub struct VerifyingKey {
    parts: PublicKeyComponents<Vec<u8>>,
    id: String,
}

// === impl KeyError ===

impl KeyError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

// === impl VerifyingKey ===

impl VerifyingKey {
    /// Reads an RSA key of a JWK set.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `n` or `e` is missing or not base64url.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let part = |name: &str| {
            let text = jwk[name].as_str().unwrap_or_default();
            match BASE64.decode(text) {
                Ok(bytes) if !bytes.is_empty() => Ok(bytes),
                _ => Err(KeyError::new(format!(
                    "the JWK's {name:?} is not base64url"
                ))),
            }
        };
        Ok(Self::new(PublicKeyComponents {
            n: part("n")?,
            e: part("e")?,
        }))
    }

    /// The `kid` of tokens it verifies.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As a member of a JWK set.
    pub(crate) fn to_jwk(&self) -> Value {
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": self.id,
            "alg": "RS256",
            "n": BASE64.encode(&self.parts.n),
            "e": BASE64.encode(&self.parts.e),
        })
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let PublicKeyComponents { n, e } = &self.parts;
        RsaPublicKeyComponents { n, e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok()
    }

    pub(super) fn new(parts: PublicKeyComponents<Vec<u8>>) -> Self {
        let der = spki::encode(&parts.n, &parts.e);
        let id = BASE64.encode(digest::digest(&digest::SHA256, &der));
        Self { parts, id }
    }
}

/// Keys with the same digest are the same key.
impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for VerifyingKey {}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.id).finish()
    }
}
