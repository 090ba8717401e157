//! How many reviews may be under way: so many in all, and of those a fair share for each peer.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// On whose account a review is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    /// A machine that calls. Calls whose machine is not known share one account.
    Peer(Option<IpAddr>),
    /// Our own, to know of a proven caller's token in time. It is the steady callers' account: nobody else's flood uses it up.
    Refresh,
}

/// Counts the reviews under way.
///
/// An account may take another as long as it holds fewer than are still free. So one peer that floods us gets half of what peers may have
/// and leaves the other half; two that do get a third each. An account that already holds one can never take the last one: it is there for
/// whoever holds none. A quarter of all is there for our own account alone, however many peers there are.
#[derive(Debug)]
pub(crate) struct Limits {
    total: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    in_all: usize,
    by_peers: usize,
    by: HashMap<Account, usize>,
}

/// Leave for one review, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limits: Arc<Limits>,
    account: Account,
}

// === impl Account ===

impl Account {
    /// One for a peer, none for ourselves.
    fn is_peer(self) -> usize {
        match self {
            Self::Peer(_) => 1,
            Self::Refresh => 0,
        }
    }
}

// === impl Limits ===

impl Limits {
    pub(crate) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            held: Mutex::default(),
        })
    }

    /// Leave for one more review on this account; nothing when it has its share.
    pub(crate) fn acquire(self: &Arc<Self>, account: Account) -> Option<Permit> {
        let mut held = self.held();
        let free = self.total.saturating_sub(held.in_all);
        let free = match account {
            Account::Peer(_) => (self.total - self.total / 4)
                .saturating_sub(held.by_peers)
                .min(free),
            Account::Refresh => free,
        };
        let own = held.by.get(&account).copied().unwrap_or_default();
        if own >= free {
            return None;
        }
        held.in_all += 1;
        held.by_peers += account.is_peer();
        held.by.insert(account, own + 1);
        Some(Permit {
            limits: Arc::clone(self),
            account,
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing in here panics; and if it did, the counts would still be counts.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Permit ===

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.limits.held();
        held.in_all = held.in_all.saturating_sub(1);
        held.by_peers = held.by_peers.saturating_sub(self.account.is_peer());
        let own = held.by.get(&self.account).copied().unwrap_or_default();
        if own > 1 {
            held.by.insert(self.account, own - 1);
        } else {
            held.by.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{iter, net::IpAddr, sync::Arc};

    use super::{Account, Limits, Permit};

    fn peer(number: u8) -> Account {
        Account::Peer(Some(IpAddr::from([10, 0, 0, number])))
    }

    /// Takes as much as it gets.
    fn flood(limits: &Arc<Limits>, account: Account) -> Vec<Permit> {
        iter::from_fn(|| limits.acquire(account)).collect()
    }

    #[test]
    fn one_that_floods_gets_half_of_what_is_for_peers_and_leaves_the_other_half() {
        let limits = Limits::new(64);

        let flooded = flood(&limits, peer(1));

        assert_eq!(flooded.len(), 24);
        assert!(limits.acquire(peer(2)).is_some());
        assert!(limits.acquire(Account::Refresh).is_some());
    }

    #[test]
    fn however_many_peers_flood_our_own_account_has_room_and_the_total_is_never_passed() {
        for peers in 1..=200 {
            let limits = Limits::new(64);
            let mut held = Vec::new();

            // Each takes one in turn, until nobody gets any more.
            loop {
                let before = held.len();
                held.extend((0..peers).filter_map(|each| limits.acquire(peer(each))));
                if held.len() == before {
                    break;
                }
            }

            let room_for_another = limits.acquire(peer(250)).is_some();
            assert_eq!(room_for_another, peers < 48, "after {peers} peers");
            held.extend(flood(&limits, Account::Refresh));
            assert!(limits.acquire(Account::Refresh).is_none() && held.len() <= 64);
            let counts = limits.held();
            assert!(counts.in_all - counts.by_peers >= 8);
        }
    }

    #[test]
    fn a_permit_that_is_dropped_makes_room_again_and_leaves_nothing_behind() {
        let limits = Limits::new(1);
        let permit = limits.acquire(peer(1)).unwrap();
        assert!(limits.acquire(peer(2)).is_none());

        drop(permit);

        drop(limits.acquire(peer(2)).unwrap());
        let held = limits.held();
        assert_eq!((held.in_all, held.by_peers, held.by.len()), (0, 0, 0));
    }

    #[test]
    fn callers_whose_machine_is_not_known_share_one_account() {
        let limits = Limits::new(8);

        assert_eq!(flood(&limits, Account::Peer(None)).len(), 3);
    }
}
