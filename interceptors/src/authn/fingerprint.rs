//! What a token is remembered by: a keyed digest, never the token.

use std::fmt;

use ring::{hmac, rand::SystemRandom};

use crate::Audience;

/// HMAC-SHA-256, under a key of this process alone, over a token and the audience it was reviewed for.
///
/// Whoever reads it out of memory or guesses at it learns nothing of the token, and cannot make a token that has the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

/// Makes fingerprints. Its key is made at random, so that no two processes agree on any.
pub(crate) struct Fingerprints {
    /// The digest of the audience, to which each token is added.
    audience: hmac::Context,
}

// === impl Fingerprints ===

impl Fingerprints {
    pub(crate) fn new(audience: &Audience) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .expect("the operating system must have randomness");
        let mut context = hmac::Context::with_key(&key);
        add(&mut context, audience.as_str().as_bytes());
        Self { audience: context }
    }

    pub(crate) fn of(&self, token: &[u8]) -> Fingerprint {
        let mut context = self.audience.clone();
        add(&mut context, token);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        Fingerprint(fingerprint)
    }
}

/// The length first, so that no text can pass for the end of one and the start of another.
fn add(context: &mut hmac::Context, text: &[u8]) {
    context.update(&text.len().to_be_bytes());
    context.update(text);
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

// === impl Fingerprint ===

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprints;

    fn mk_fingerprints(audience: &str) -> Fingerprints {
        Fingerprints::new(&audience.parse().unwrap())
    }

    #[test]
    fn the_same_token_has_the_same_fingerprint_and_another_token_another() {
        let fingerprints = mk_fingerprints("data-store");

        assert_eq!(fingerprints.of(b"a"), fingerprints.of(b"a"));
        assert_ne!(fingerprints.of(b"a"), fingerprints.of(b"b"));
        assert_ne!(fingerprints.of(b""), fingerprints.of(b"\0"));
    }

    #[test]
    fn no_two_processes_agree_on_a_fingerprint() {
        let (one, other) = (mk_fingerprints("data-store"), mk_fingerprints("data-store"));

        assert_ne!(one.of(b"a"), other.of(b"a"));
    }

    #[test]
    fn what_is_remembered_cannot_be_read() {
        let shown = format!("{:?}", mk_fingerprints("data-store").of(b"a-token"));

        assert_eq!(shown, "Fingerprint(..)");
    }
}
