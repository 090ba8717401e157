//! Verdicts remembered for ten seconds. It makes the API server slow to forget, and the stand-in has to be as slow.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use super::check::Accepted;

/// kube-apiserver's lifetime of a positive verdict. Negative ones it does not keep.
const LIFETIME: Duration = Duration::from_secs(10);

/// Verdicts kept at once; the oldest makes room.
const LIMIT: usize = 1_000;

/// A digest of token and audiences.
pub(crate) type Key = [u8; 32];

/// Tokens that passed lately.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    verdicts: Mutex<HashMap<Key, (SystemTime, Accepted)>>,
}

// === impl Cache ===

impl Cache {
    pub(crate) fn get(&self, key: &Key, now: SystemTime) -> Option<Accepted> {
        let verdicts = self.lock();
        let (since, accepted) = verdicts.get(key)?;
        is_fresh(*since, now).then(|| accepted.clone())
    }

    pub(crate) fn insert(&self, key: Key, accepted: Accepted, now: SystemTime) {
        let mut verdicts = self.lock();
        if verdicts.len() >= LIMIT {
            verdicts.retain(|_, (since, _)| is_fresh(*since, now));
        }
        if verdicts.len() >= LIMIT {
            let oldest = verdicts.iter().min_by_key(|(_, (since, _))| *since);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                verdicts.remove(&oldest);
            }
        }
        verdicts.insert(key, (now, accepted));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (SystemTime, Accepted)>> {
        self.verdicts
            .lock()
            .expect("no change of the verdicts must panic halfway")
    }
}

/// A verdict from the future is not fresh: the clock was set back.
fn is_fresh(since: SystemTime, now: SystemTime) -> bool {
    now.duration_since(since).is_ok_and(|age| age < LIFETIME)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{Cache, LIFETIME, LIMIT};
    use crate::api_server::{judge::check::Accepted, user::User};

    fn mk_accepted() -> Accepted {
        Accepted {
            user: User::admin(),
            audiences: Vec::new(),
        }
    }

    fn mk_key(number: usize) -> super::Key {
        let mut key = super::Key::default();
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    }

    #[test]
    fn a_verdict_is_forgotten_after_ten_seconds() {
        let cache = Cache::default();
        cache.insert(mk_key(1), mk_accepted(), UNIX_EPOCH);

        assert!(
            cache
                .get(&mk_key(1), UNIX_EPOCH + LIFETIME - Duration::from_millis(1))
                .is_some()
        );
        assert!(cache.get(&mk_key(1), UNIX_EPOCH + LIFETIME).is_none());
    }

    #[test]
    fn the_oldest_verdict_makes_room() {
        let cache = Cache::default();
        for number in 0..=LIMIT {
            let now = UNIX_EPOCH + Duration::from_micros(number as u64);
            cache.insert(mk_key(number), mk_accepted(), now);
        }

        let now = UNIX_EPOCH + Duration::from_secs(1);
        assert_eq!(cache.lock().len(), LIMIT);
        assert!(cache.get(&mk_key(0), now).is_none());
        assert!(cache.get(&mk_key(LIMIT), now).is_some());
    }
}
