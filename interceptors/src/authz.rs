//! Decides what a proven identity may do.

mod allow_list;

use http::request::Parts;

pub use self::allow_list::{AllowList, AllowListError};
use crate::{Identity, Refusal, ServiceAccount};

/// Decides whether a service account may make a call.
///
/// It is asked last, after everything about the token was checked. Closures can be one, when they need not wait:
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

    /// Decides without waiting, if it can; otherwise [`Authorize::authorize`] is asked. It can spare each call of a known caller an
    /// allocation.
    fn authorize_now(
        &self,
        _identity: &Identity,
        _account: ServiceAccount<'_>,
        _request: &Parts,
    ) -> Option<Result<(), Refusal>> {
        None
    }
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

    fn authorize_now(
        &self,
        identity: &Identity,
        account: ServiceAccount<'_>,
        request: &Parts,
    ) -> Option<Result<(), Refusal>> {
        Some(self(identity, account, request))
    }
}
