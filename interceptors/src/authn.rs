//! Finds out whose token it is.
//!
//! ```text
//! Cached ─ store: known already? ─ screen: worth a question? ─ limit, flight: one at a time ─▶ TokenReviewer ─ asks ─▶ the Kubernetes API
//!                                                              └─ outage: nobody answers, but it was proven not long ago
//! ```

pub(crate) mod cached;
mod fingerprint;
mod flight;
mod kubernetes;
mod limit;
mod outage;
pub(crate) mod screen;
pub(crate) mod standing;
mod store;
pub(crate) mod token_review;

use crate::{Refusal, Token, UserInfo};

/// Says whose token it is, or why that cannot be said.
///
/// Closures can be one: `|token: &Token| async { … }`.
pub trait Authenticate: Send + Sync + 'static {
    /// Finds out whose token it is.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]. It must blame the caller only for what the caller did: when the question could not be asked, or was not answered,
    /// the refusal is one of ours.
    fn authenticate(&self, token: &Token)
    -> impl Future<Output = Result<UserInfo, Refusal>> + Send;
}

impl<F, Answer> Authenticate for F
where
    F: Fn(&Token) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<UserInfo, Refusal>> + Send,
{
    fn authenticate(
        &self,
        token: &Token,
    ) -> impl Future<Output = Result<UserInfo, Refusal>> + Send {
        self(token)
    }
}
