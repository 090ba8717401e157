//! Follows a token file: the token in use is never more than one read behind the kubelet.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, task::JoinHandle};
use tracing::Instrument as _;

use crate::{
    client::{
        ask::{self, Asked},
        current::{CurrentToken, Held},
        source::{TokenReadError, TokenSource},
    },
    metrics::client::Refresh,
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
        let held = match source.read().await {
            Ok(fresh) => Held::new(&fresh),
            Err(error) => {
                source.metrics().failed(error.refresh());
                return Err(error);
            }
        };
        held.log();
        source
            .metrics()
            .read(Refresh::New, held.expires_at, source.clock().now());
        let (tx, rx) = watch::channel(Some(Arc::new(held)));
        let (ask, asked) = ask::channel();
        let token = CurrentToken::new(rx, ask, &source);
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

/// Reads again and again. Nobody else publishes, or hears who asks; `CurrentToken`s hold the other ends.
async fn follow(source: TokenSource, publisher: Publisher, mut asked: Asked) {
    let metrics = source.metrics();
    let mut failing = false;
    loop {
        let due = publisher.due(source.clock().now());
        asked.wait(due, MIN_WAIT).await;

        let read = source.read().await;
        let now = source.clock().now();
        match read {
            Ok(fresh) => {
                if failing {
                    failing = false;
                    tracing::info!("The service account token can be read again");
                }
                let refresh = publisher.publish(Held::new(&fresh));
                metrics.read(refresh, fresh.expires_at, now);
            }
            Err(error) => {
                if failing {
                    tracing::debug!(%error, "Still cannot read the service account token");
                } else {
                    failing = true;
                    tracing::warn!(%error, "Cannot read the service account token; using the last one until it expires");
                }
                metrics.failed(error.refresh());
                publisher.withdraw_if_expired(now);
            }
        }
        asked.read();
    }
}

// === impl Publisher ===

impl Publisher {
    /// Publishes a token, unless it is the one in use.
    fn publish(&self, held: Held) -> Refresh {
        let is_new = self.0.send_if_modified(|current| {
            let is_new = current.as_ref().is_none_or(|old| old.header != held.header);
            if is_new {
                held.log();
                *current = Some(Arc::new(held));
            }
            is_new
        });
        if is_new {
            Refresh::New
        } else {
            Refresh::Unchanged
        }
    }

    fn withdraw_if_expired(&self, now: SystemTime) {
        let expired = self.0.send_if_modified(|current| {
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

    /// How long to wait before the next read.
    fn due(&self, now: SystemTime) -> Duration {
        match self.0.borrow().as_ref() {
            Some(held) => wait(held.expires_at, now),
            None => MIN_WAIT,
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

/// How long a token is used before the file is read again.
fn wait(expires_at: Option<SystemTime>, now: SystemTime) -> Duration {
    let fifth_of_the_rest = expires_at.map_or(MAX_WAIT, |at| {
        at.duration_since(now).unwrap_or_default() / 5
    });
    // Many replicas start at once; they need not all read, and later call, at once. Up to a fifth sooner, by the keys std makes at random.
    let permille = 1_000 - u32::try_from(RandomState::new().hash_one(()) % 200).unwrap_or_default();
    fifth_of_the_rest.clamp(MIN_WAIT, MAX_WAIT) * permille / 1_000
}

#[cfg(test)]
mod tests;
