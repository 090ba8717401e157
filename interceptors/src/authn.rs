//! Finds out whose token it is.
//!
//! ```text
//! Screened ─ refuses what no question could save ─▶ TokenReviewer ─ asks ─▶ the Kubernetes API
//! ```

mod kubernetes;
mod screen;
pub(crate) mod standing;
pub(crate) mod token_review;

use std::sync::Arc;

pub(crate) use self::screen::Screened;
use crate::{Identity, Refusal, Token};

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
    fn authenticate(
        &self,
        token: &Token,
    ) -> impl Future<Output = Result<Arc<Identity>, Refusal>> + Send;
}

impl<F, Answer> Authenticate for F
where
    F: Fn(&Token) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Arc<Identity>, Refusal>> + Send,
{
    fn authenticate(
        &self,
        token: &Token,
    ) -> impl Future<Output = Result<Arc<Identity>, Refusal>> + Send {
        self(token)
    }
}
