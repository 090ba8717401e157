//! The keys of a cluster together.

use serde_json::{Value, json};

use super::{signing::SigningKey, verifying::VerifyingKey};

/// One key to sign with and any number to verify with: a cluster that changes its key keeps honouring the old one.
#[derive(Debug)]
pub(crate) struct Keyring {
    signing: SigningKey,
    verifying: Vec<VerifyingKey>,
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
            .filter(move |key| id.is_empty() || key.id() == id)
    }

    pub(crate) fn to_jwks(&self) -> Value {
        let keys: Vec<_> = self.verifying.iter().map(VerifyingKey::to_jwk).collect();
        json!({ "keys": keys })
    }
}
