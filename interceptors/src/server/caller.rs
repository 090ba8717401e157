//! The proof that a call passed every check.

use std::sync::Arc;

use http::Extensions;
use tonic::Status;

use crate::{Identity, ServiceAccount};

/// Who is calling: authenticated, meant for us, a service account, and allowed.
///
/// Only this library can make one. A handler that holds a `Caller` need not ask how it came to be.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Arc<Identity>,
}

// === impl Caller ===

impl Caller {
    /// Takes an identity that passed every check; one of them is that it has a service account.
    pub(crate) fn new(identity: Arc<Identity>) -> Self {
        Self { identity }
    }

    /// The caller of a request, from its extensions.
    ///
    /// # Errors
    ///
    /// INTERNAL when the service does not stand behind an [`AuthLayer`](crate::AuthLayer), so that nobody was checked.
    pub fn of(extensions: &Extensions) -> Result<&Self, Status> {
        extensions.get::<Self>().ok_or_else(|| {
            Status::internal("the caller was not checked: this service stands behind no AuthLayer")
        })
    }

    /// What Kubernetes said of the caller.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The caller's service account.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "it was checked when the caller was made"
    )]
    pub fn service_account(&self) -> ServiceAccount<'_> {
        let account = self.identity.service_account();
        account.expect("a caller must be a service account")
    }
}
