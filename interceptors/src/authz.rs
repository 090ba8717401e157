//! Decides what a proven identity may do.

mod allow_list;

use http::request::Parts;

pub use self::allow_list::{AllowList, AllowListError};
use crate::{Identity, Refusal, ServiceAccount};

/// Decides whether a service account may make a call.
///
/// It is asked last, after everything about the token was checked; and twice about one call when it does not answer at once. Closures can be one, when they need not wait:
/// `|identity: &Identity, account: ServiceAccount<'_>, request: &Parts| …`.
pub trait Authorize: Send + Sync + 'static {
    /// Decides about one call. `request` has the method, the path and the metadata; the token is no longer in it.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]: [`Refusal::NotAllowed`], or one of ours when it could not be decided.
    fn authorize(
        &self,
        identity: &Identity,
        account: ServiceAccount<'_>,
        request: &Parts,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
}

impl<F> Authorize for F
where
    F: Fn(&Identity, ServiceAccount<'_>, &Parts) -> Result<(), Refusal> + Send + Sync + 'static,
{
    async fn authorize(
        &self,
        identity: &Identity,
        account: ServiceAccount<'_>,
        request: &Parts,
    ) -> Result<(), Refusal> {
        self(identity, account, request)
    }
}
