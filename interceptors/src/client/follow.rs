//! Follows a token file: the token in use is never more than one read behind the kubelet.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, task::JoinHandle};
use tracing::Instrument as _;

use crate::client::{
    ask::{self, Asked},
    current::{CurrentToken, Held},
    source::{TokenReadError, TokenSource},
};

/// The longest wait between two reads: as long as client-go and kube wait.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The shortest wait, however soon the token expires and however many ask.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// Follows a token file and keeps its last good token at hand.
///
/// It reads again after a fifth of what remains of the token's life, at most a minute and at least a second, or up to a fifth sooner. The
/// kubelet replaces a token when a fifth of its life is left, so the new one is found in time. When a read fails, the token in hand stays in
/// use until it expires. A call whose token was refused has it read sooner ([`AttachToken::on`](crate::AttachToken::on)), but still no more
/// than once a second.
///
/// One task does the reading; it ends when the follower is dropped.
#[derive(Debug)]
pub struct TokenFollower {
    token: CurrentToken,
    task: JoinHandle<()>,
}

/// Publishes tokens, and withdraws the last one when nobody is left to replace it.
struct Publisher(watch::Sender<Option<Arc<Held>>>);

// === impl TokenFollower ===

impl TokenFollower {
    /// Reads the file once, then follows it.
    ///
    /// # Errors
    ///
    /// [`TokenReadError`] when there is no usable token to begin with.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn start(source: TokenSource) -> Result<Self, TokenReadError> {
        let held = Held::new(&source.read().await?);
        held.log();
        let (tx, rx) = watch::channel(Some(Arc::new(held)));
        let (ask, asked) = ask::channel();
        let token = CurrentToken::new(rx, ask, source.clock().clone());
        let following = follow(source, Publisher(tx), asked);
        let task = tokio::spawn(following.instrument(tracing::info_span!("token")));
        Ok(Self { token, task })
    }

    /// The token in use.
    #[must_use]
    pub fn token(&self) -> CurrentToken {
        self.token.clone()
    }
}

impl Drop for TokenFollower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads again and again. The sender is the only one; `CurrentToken`s hold the other end, of it and of `asked`.
async fn follow(source: TokenSource, publisher: Publisher, mut asked: Asked) {
    let current = &publisher.0;
    let mut failing = false;
    loop {
        let expires_at = current.borrow().as_ref().and_then(|held| held.expires_at);
        let has_token = current.borrow().is_some();
        let due = wait(has_token, expires_at, source.clock().now());
        asked.wait(due, MIN_WAIT).await;

        match source.read().await.map(|fresh| Held::new(&fresh)) {
            Ok(held) => {
                if failing {
                    failing = false;
                    tracing::info!("The service account token can be read again");
                }
                current.send_if_modified(|current| {
                    let is_new = current.as_ref().is_none_or(|old| old.header != held.header);
                    if is_new {
                        held.log();
                        *current = Some(Arc::new(held));
                    }
                    is_new
                });
            }
            Err(error) => {
                if failing {
                    tracing::debug!(%error, "Still cannot read the service account token");
                } else {
                    failing = true;
                    tracing::warn!(%error, "Cannot read the service account token; using the last one until it expires");
                }
                let now = source.clock().now();
                let expired = current.send_if_modified(|current| {
                    let is_over = current
                        .as_ref()
                        .is_some_and(|held| held.expires_at.is_some_and(|at| at <= now));
                    if is_over {
                        *current = None;
                    }
                    is_over
                });
                if expired {
                    tracing::error!(
                        "The last good service account token has expired; no call is made until there is another"
                    );
                }
            }
        }
        asked.read();
    }
}

/// How long to wait before the next read.
fn wait(has_token: bool, expires_at: Option<SystemTime>, now: SystemTime) -> Duration {
    if !has_token {
        return MIN_WAIT;
    }
    let fifth_of_the_rest = expires_at.map_or(MAX_WAIT, |at| {
        at.duration_since(now).unwrap_or_default() / 5
    });
    // Many replicas start at once; they need not all read, and later call, at once. Up to a fifth sooner, by the keys std makes at random.
    let permille = 1_000 - u32::try_from(RandomState::new().hash_one(()) % 200).unwrap_or_default();
    fifth_of_the_rest.clamp(MIN_WAIT, MAX_WAIT) * permille / 1_000
}

// === impl Publisher ===

impl Drop for Publisher {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

#[cfg(test)]
mod tests;
