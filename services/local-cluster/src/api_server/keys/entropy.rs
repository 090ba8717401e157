//! The operating system's randomness, by way of ring, in the form the `rsa` crate takes it.

use ring::rand::{SecureRandom as _, SystemRandom};
use rsa::rand_core::{TryCryptoRng, TryRng};

/// Random bytes of the operating system.
pub(super) struct Entropy(SystemRandom);

/// The operating system gives none.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub(super) struct EntropyError;

// === impl Entropy ===

impl Entropy {
    pub(super) fn new() -> Self {
        Self(SystemRandom::new())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0; N];
        self.try_fill_bytes(&mut bytes)?;
        Ok(bytes)
    }
}

impl TryRng for Entropy {
    type Error = EntropyError;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_ne_bytes(self.take()?))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_ne_bytes(self.take()?))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes).or(Err(EntropyError))
    }
}

impl TryCryptoRng for Entropy {}
