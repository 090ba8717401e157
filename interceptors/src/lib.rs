//! Prove who calls and check who called, with projected Kubernetes service-account tokens.

mod clock;

pub use clock::Clock;
