//! The private key tokens are signed with.

use std::fmt;

use ring::{
    rand::SystemRandom,
    rsa::{KeyPair, PublicKeyComponents},
    signature::RSA_PKCS1_SHA256,
};
use rsa::pkcs8::EncodePrivateKey as _;

use super::{
    entropy::Entropy,
    verifying::{KeyError, VerifyingKey},
};

/// What Kubernetes' own tools make. The signature is most of a token's length, so a longer key would make other tokens.
const BITS: usize = 2048;

/// Signs tokens. Its `Debug` shows the public key's id only.
pub struct SigningKey {
    pair: KeyPair,
    public: VerifyingKey,
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
        f.debug_tuple("SigningKey")
            .field(&self.public.id())
            .finish()
    }
}
