//! How we stand with Kubernetes: whether it answers us.

use std::{error::Error, sync::Arc};

use tokio::sync::watch;

use crate::{Refusal, authn::kubernetes::AskError};

/// How we stand with Kubernetes, as far as the last question showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has been asked yet.
    Unknown,
    /// Kubernetes answers us.
    Good,
    /// It does not answer: silent, slow, or failing. That passes by itself.
    Unavailable {
        /// What happened, for an operator.
        why: String,
    },
    /// It refuses to answer us. An operator must act.
    Misconfigured {
        /// What is wrong and how to mend it, for an operator.
        why: String,
    },
}

/// Keeps the standing, and logs when it changes.
#[derive(Clone, Debug)]
pub(crate) struct Standings(Arc<watch::Sender<Standing>>);

// === impl Standings ===

impl Standings {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Standing::Unknown)))
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Standing> {
        self.0.subscribe()
    }

    /// Notes that Kubernetes answered.
    pub(crate) fn note_good(&self) -> Standing {
        if self.replace(Standing::Good) {
            tracing::info!("Kubernetes answers our reviews");
        }
        Standing::Good
    }

    /// Notes why it did not. The first time is logged for whoever must act, repetitions are for those who look closely.
    pub(crate) fn note(&self, error: &AskError) -> Standing {
        let why = error.to_string();
        let cause = error as &dyn Error;
        let standing = match error.refusal() {
            Refusal::VerifierMisconfigured => Standing::Misconfigured { why },
            _platform => Standing::Unavailable { why },
        };
        match (self.replace(standing.clone()), &standing) {
            (true, Standing::Misconfigured { .. }) => {
                tracing::error!(error = cause, "Kubernetes refuses to review tokens for us")
            }
            (true, _) => tracing::warn!(error = cause, "Kubernetes does not answer our reviews"),
            (false, _) => tracing::debug!(
                error = cause,
                "Kubernetes still does not answer our reviews"
            ),
        }
        standing
    }

    /// Whether it is another kind of standing than before.
    fn replace(&self, standing: Standing) -> bool {
        self.0.send_if_modified(|current| {
            let is_other = std::mem::discriminant(current) != std::mem::discriminant(&standing);
            if is_other {
                *current = standing;
            }
            is_other
        })
    }
}
