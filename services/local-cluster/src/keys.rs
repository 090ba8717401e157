//! The keys service-account tokens are signed and verified with.

mod entropy;
mod spki;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    digest,
    rand::SystemRandom,
    rsa::{KeyPair, PublicKeyComponents},
    signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaPublicKeyComponents},
};
use rsa::pkcs8::EncodePrivateKey as _;
use serde_json::{Value, json};

use self::entropy::Entropy;

/// What Kubernetes' own tools make. The signature is most of a token's length, so a longer key would make other tokens.
const BITS: usize = 2048;

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

/// Signs tokens. Its `Debug` shows the public key's id only.
pub struct SigningKey {
    pair: KeyPair,
    public: VerifyingKey,
}

/// One key to sign with and any number to verify with: a cluster that changes its key keeps honouring the old one.
#[derive(Debug)]
pub(crate) struct Keyring {
    signing: SigningKey,
    verifying: Vec<VerifyingKey>,
}

// === impl KeyError ===

impl KeyError {
    fn new(why: impl Into<String>) -> Self {
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

    fn new(parts: PublicKeyComponents<Vec<u8>>) -> Self {
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

// === impl SigningKey ===

impl SigningKey {
    /// Makes a 2048-bit key and returns it as PKCS#8 DER. Takes about a second.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the operating system gives no randomness.
    pub fn generate() -> Result<Vec<u8>, KeyError> {
        let key = rsa::PrivateKey::new(&mut Entropy::new(), BITS)
            .map_err(|error| KeyError::new(error.to_string()))?;
        let der = key
            .to_pkcs8_der()
            .map_err(|error| KeyError::new(error.to_string()))?;
        Ok(der.as_bytes().to_vec())
    }

    /// Reads a key from PKCS#8 DER.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when it is not an RSA key of at least 2048 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(der).map_err(|error| KeyError::new(error.to_string()))?;
        let public = VerifyingKey::new(PublicKeyComponents::from(pair.public()));
        Ok(Self { pair, public })
    }

    /// The other half.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .expect("the buffer must be as long as the modulus");
        signature
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public.id).finish()
    }
}

// === impl Keyring ===

impl Keyring {
    pub(crate) fn new(signing: SigningKey, also_verifying: Vec<VerifyingKey>) -> Self {
        let mut verifying = vec![signing.verifying_key().clone()];
        verifying.extend(also_verifying);
        Self { signing, verifying }
    }

    pub(crate) fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The keys a token may be signed with: the one it names, or any if it names none.
    pub(crate) fn candidates<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a VerifyingKey> {
        self.verifying
            .iter()
            .filter(move |key| id.is_empty() || key.id == id)
    }

    pub(crate) fn to_jwks(&self) -> Value {
        let keys: Vec<_> = self.verifying.iter().map(VerifyingKey::to_jwk).collect();
        json!({ "keys": keys })
    }
}
