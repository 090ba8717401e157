//! What is known of tokens already: who was proven, and who was refused.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{Identity, Refusal, authn::fingerprint::Fingerprint};

/// How many proven tokens are remembered. Each takes less than a kilobyte.
const MAX_PROVEN: usize = 100_000;

/// How many refused tokens are remembered. They have a space of their own, so that no flood of them pushes out anybody who was proven.
const MAX_REFUSED: usize = 10_000;

/// How long a refusal is remembered: long enough to blunt a caller that tries again and again, short enough for a pod so new that not
/// every API server knows it yet.
const REFUSED_LIFE: Duration = Duration::from_secs(2);

/// From which part of its life on a proof is renewed, in percent. At the default of ten seconds, what is left is as long as one review may
/// take.
const LATE: u32 = 70;

/// How often what is dead is thrown out.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How long what was found is good for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives {
    /// How long a proof counts without being asked for again.
    pub(crate) ttl: Duration,
    /// How long it may count when it cannot be asked for again.
    pub(crate) outage_budget: Duration,
}

/// What is known of a token.
#[derive(Debug)]
pub(crate) enum Known {
    /// It was proven not long ago.
    Fresh {
        /// Whose it is.
        identity: Arc<Identity>,
        /// Whether it is time to ask again.
        is_late: bool,
    },
    /// It was proven too long ago, and must be asked for again. If that cannot be done, it may count a little longer.
    Old(Arc<Identity>),
    /// It was proven so long ago that it counts for nothing.
    Dead,
    /// It was refused not long ago.
    Refused(Refusal),
    /// Nothing.
    Nothing,
}

/// Remembers what was found, by fingerprint. It is bounded in both kinds.
#[derive(Debug)]
pub(crate) struct Store {
    lives: Lives,
    proven: Cache<Fingerprint, Proven>,
    refused: Cache<Fingerprint, Refused>,
    /// When to throw out next what is dead.
    sweep_at: Mutex<Instant>,
}

#[derive(Clone, Debug)]
struct Proven {
    identity: Arc<Identity>,
    at: Instant,
    /// When its token expires. By tokio's clock, so that a step of the machine's changes nothing about a token already proven.
    expires_at: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Refused {
    refusal: Refusal,
    at: Instant,
}

// === impl Store ===

impl Store {
    pub(crate) fn new(lives: Lives) -> Self {
        Self {
            lives,
            proven: Cache::new(MAX_PROVEN),
            refused: Cache::new(MAX_REFUSED),
            sweep_at: Mutex::new(Instant::now() + SWEEP_INTERVAL),
        }
    }

    pub(crate) fn look_up(&self, key: &Fingerprint, now: Instant) -> Known {
        let Some(proven) = self.proven.get(key) else {
            return match self.refused.get(key) {
                Some(refused) if refused.counts(&self.lives, now) => {
                    Known::Refused(refused.refusal)
                }
                Some(_) | None => Known::Nothing,
            };
        };
        if proven.is_fresh(&self.lives, now) {
            Known::Fresh {
                is_late: proven.is_late(&self.lives, now),
                identity: proven.identity,
            }
        } else if proven.is_within_budget(&self.lives, now) {
            Known::Old(proven.identity)
        } else {
            Known::Dead
        }
    }

    /// Remembers a proof, until the token expires at the latest. `now` is the same moment by both clocks.
    pub(crate) fn proven(
        &self,
        key: Fingerprint,
        identity: &Arc<Identity>,
        now: Instant,
        wall: SystemTime,
    ) {
        let rest = identity
            .expires_at()
            .map(|at| at.duration_since(wall).unwrap_or_default());
        let proven = Proven {
            identity: Arc::clone(identity),
            at: now,
            // Nothing too for a time that no clock will show.
            expires_at: rest.and_then(|rest| now.checked_add(rest)),
        };
        self.refused.remove(&key);
        self.proven.insert(key, proven);
        self.sweep(now);
    }

    /// Remembers a refusal, which counts at once.
    pub(crate) fn refused(&self, key: Fingerprint, refusal: &Refusal, now: Instant) {
        let refused = Refused {
            refusal: refusal.clone(),
            at: now,
        };
        self.refused.insert(key, refused);
        self.proven.remove(&key);
    }

    /// Remembers nothing of a token any more.
    pub(crate) fn forget(&self, key: &Fingerprint) {
        self.proven.remove(key);
        self.refused.remove(key);
    }

    /// How many tokens are remembered.
    pub(crate) fn len(&self) -> usize {
        self.proven.len() + self.refused.len()
    }

    /// Throws out who was proven too long ago to count for anything: every rotation leaves such a token behind.
    fn sweep(&self, now: Instant) {
        let Ok(mut sweep_at) = self.sweep_at.try_lock() else {
            return;
        };
        if *sweep_at <= now {
            *sweep_at = now + SWEEP_INTERVAL;
            drop(sweep_at);
            self.proven.retain(|_key, proven| {
                proven.is_fresh(&self.lives, now) || proven.is_within_budget(&self.lives, now)
            });
        }
    }
}

// === impl Proven ===

impl Proven {
    fn is_fresh(&self, lives: &Lives, now: Instant) -> bool {
        !self.has_expired(now) && now.duration_since(self.at) < lives.ttl
    }

    fn is_within_budget(&self, lives: &Lives, now: Instant) -> bool {
        !self.has_expired(now) && now.duration_since(self.at) < lives.outage_budget
    }

    fn is_late(&self, lives: &Lives, now: Instant) -> bool {
        let rest = self.expires_at.map(|at| at.duration_since(self.at));
        let life = rest.map_or(lives.ttl, |rest| rest.min(lives.ttl));
        now.duration_since(self.at) >= life / 100 * LATE
    }

    fn has_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

// === impl Refused ===

impl Refused {
    fn counts(&self, lives: &Lives, now: Instant) -> bool {
        now.duration_since(self.at) < REFUSED_LIFE.min(lives.ttl)
    }
}

#[cfg(test)]
mod tests;
