//! The token in use, as whoever calls sees it.

use std::{fmt, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderValue, header};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::{
    ClientMetrics, Clock, TokenSource,
    client::{ask::Ask, source::FreshToken},
};

/// The token in use, as of now. Clones are cheap, and reading never waits for a file.
#[derive(Clone, Debug)]
pub struct CurrentToken {
    held: watch::Receiver<Option<Arc<Held>>>,
    ask: Ask,
    pub(super) clock: Clock,
    pub(super) metrics: ClientMetrics,
}

/// A token ready to be sent.
pub(super) struct Held {
    /// `Bearer <token>`, marked sensitive.
    pub(super) header: HeaderValue,
    pub(super) expires_at: Option<SystemTime>,
}

// === impl CurrentToken ===

impl CurrentToken {
    pub(super) fn new(
        held: watch::Receiver<Option<Arc<Held>>>,
        ask: Ask,
        source: &TokenSource,
    ) -> Self {
        Self {
            held,
            ask,
            clock: source.clock().clone(),
            metrics: source.metrics().clone(),
        }
    }

    /// Whether there is a token to send.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.get().is_some()
    }

    /// Waits until there is another token, or none any more. Answers `false` when the follower is gone, so that nothing will change.
    ///
    /// # Cancel safety
    ///
    /// No change is lost when it is dropped.
    pub async fn changed(&mut self) -> bool {
        self.held.changed().await.is_ok()
    }

    pub(super) fn get(&self) -> Option<Arc<Held>> {
        let held = self.held.borrow().clone()?;
        // The follower withdraws an expired token as well, but only when it gets to run.
        let is_current = held.expires_at.is_none_or(|at| self.clock.now() < at);
        is_current.then_some(held)
    }

    /// The token to use after `refused` was, if there is another. Unless there is one at hand already, the file is read for it.
    ///
    /// The follower reads at most once a second; asked again sooner, or when it is gone, what is at hand is all there is.
    ///
    /// # Cancel safety
    ///
    /// What was read is kept when it is dropped.
    pub(super) async fn other_than(&self, refused: &Held) -> Option<Arc<Held>> {
        let other = || self.get().filter(|held| held.header != refused.header);
        match other() {
            Some(other) => Some(other),
            None => {
                self.ask.ask().await;
                other()
            }
        }
    }
}

// === impl Held ===

impl Held {
    pub(super) fn new(fresh: &FreshToken) -> Self {
        let text = Zeroizing::new(format!("Bearer {}", fresh.token.expose()));
        let mut header: HeaderValue = text
            .parse()
            .expect("a well-formed token must make a header");
        header.set_sensitive(true);
        Self {
            header,
            expires_at: fresh.expires_at,
        }
    }

    /// Makes it the one token among `headers`.
    pub(super) fn put_into(&self, headers: &mut HeaderMap) {
        headers.insert(header::AUTHORIZATION, self.header.clone());
    }

    pub(super) fn log(&self) {
        let expires_at = self.expires_at.map(humantime::format_rfc3339_seconds);
        tracing::info!(
            expires_at = expires_at.map(tracing::field::display),
            "Refreshing service account token"
        );
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
