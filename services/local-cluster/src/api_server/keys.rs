//! The keys service-account tokens are signed and verified with.

mod entropy;
mod keyring;
mod signing;
mod spki;
mod verifying;

pub(crate) use self::keyring::Keyring;
pub use self::{
    signing::SigningKey,
    verifying::{KeyError, VerifyingKey},
};
