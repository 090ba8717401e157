//! How we stand with Kubernetes: whether it answers us.

use std::{
    error::Error,
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{Notify, watch};

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
pub(crate) struct Standings(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    standing: watch::Sender<Standing>,
    /// Whether a review has failed since the last one that was answered.
    doubt: AtomicBool,
    doubted: Notify,
}

// === impl Standings ===

impl Standings {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            standing: watch::Sender::new(Standing::Unknown),
            doubt: AtomicBool::new(false),
            doubted: Notify::new(),
        }))
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Standing> {
        self.0.standing.subscribe()
    }

    /// Whether a review has failed since the last one that was answered.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.0.doubt.load(Ordering::Relaxed)
    }

    /// Waits until a review fails.
    pub(crate) async fn doubted(&self) {
        self.0.doubted.notified().await;
    }

    /// Notes how a review of a caller's token went. One that failed asks for a check.
    ///
    /// It is no verdict on us by itself, as a caller may have brought it about; but that we are refused counts at once.
    pub(crate) fn note_review(&self, failure: Option<&AskError>) {
        let was_in_doubt = self.0.doubt.swap(failure.is_some(), Ordering::Relaxed);
        let Some(error) = failure else {
            return self.set(&Standing::Good, None);
        };
        let shown = error as &dyn Error;
        if error.refusal() == Refusal::VerifierMisconfigured {
            self.note_failure(error);
        } else if was_in_doubt || self.is_bad() {
            tracing::debug!(error = shown, "A review failed again");
        } else {
            tracing::warn!(error = shown, "A review failed");
        }
        self.0.doubted.notify_one();
    }

    /// Notes how a check of our own went.
    pub(crate) fn note_check(&self, failure: Option<&AskError>) -> Standing {
        match failure {
            None => {
                self.0.doubt.store(false, Ordering::Relaxed);
                self.set(&Standing::Good, None);
            }
            Some(error) => self.note_failure(error),
        }
        self.0.standing.borrow().clone()
    }

    fn is_bad(&self) -> bool {
        match *self.0.standing.borrow() {
            Standing::Unavailable { .. } | Standing::Misconfigured { .. } => true,
            Standing::Unknown | Standing::Good => false,
        }
    }

    fn note_failure(&self, error: &AskError) {
        let why = error.to_string();
        let standing = match error.refusal() {
            Refusal::VerifierMisconfigured => Standing::Misconfigured { why },
            _platform => Standing::Unavailable { why },
        };
        self.set(&standing, Some(error));
    }

    /// Publishes what is new, and logs it for whoever must act. What is not new is for those who look closely.
    fn set(&self, standing: &Standing, error: Option<&AskError>) {
        let mut is_other = false;
        let is_new = self.0.standing.send_if_modified(|current| {
            let before = mem::replace(current, standing.clone());
            is_other = mem::discriminant(&before) != mem::discriminant(standing);
            before != *standing
        });
        let error = error.map(|error| error as &dyn Error);
        match standing {
            Standing::Misconfigured { .. } if is_new => {
                tracing::error!(error, "Kubernetes refuses to review tokens for us");
            }
            Standing::Unavailable { .. } if is_other => {
                tracing::warn!(error, "Kubernetes does not answer our reviews");
            }
            Standing::Good if is_other => tracing::info!("Kubernetes answers our reviews"),
            Standing::Misconfigured { .. } | Standing::Unavailable { .. } => {
                tracing::debug!(error, "Kubernetes still does not answer our reviews");
            }
            Standing::Good | Standing::Unknown => (),
        }
    }
}
