//! How many may be under way at once, and how many of one machine.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// So many places, of which one machine gets half: it may take another while it holds fewer than are free. Whoever takes all that it can get
/// leaves as many for the others, and who has no others beside it is not short of any.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Only of those that hold any.
    held: HashMap<Option<IpAddr>, usize>,
}

/// A place, until the last clone of it is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    _taken: Arc<Taken>,
}

#[derive(Debug)]
struct Taken {
    places: Places,
    by: Option<IpAddr>,
}

// === impl Places ===

impl Places {
    pub(crate) fn new(places: u32) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: places as usize,
            held: HashMap::new(),
        })))
    }

    /// A place for a caller at a machine; those whose machine is not known count as one. Nothing when there is none for it.
    pub(crate) fn take(&self, by: Option<IpAddr>) -> Option<Place> {
        let mut state = self.lock();
        let held = state.held.get(&by).copied().unwrap_or_default();
        if held >= state.free {
            return None;
        }
        state.free -= 1;
        state.held.insert(by, held + 1);
        drop(state);
        let places = self.clone();
        Some(Place {
            _taken: Arc::new(Taken { places, by }),
        })
    }

    /// Nothing is left half done by a panic: a lock that was held by one is as good as another.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Taken ===

impl Drop for Taken {
    fn drop(&mut self) {
        let mut state = self.places.lock();
        state.free += 1;
        if let Some(held) = state.held.get_mut(&self.by) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(&self.by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Place, Places};

    fn machine(number: u8) -> Option<IpAddr> {
        Some([10, 0, 0, number].into())
    }

    /// All that a machine gets.
    fn take_all(places: &Places, by: Option<IpAddr>) -> Vec<Place> {
        std::iter::from_fn(|| places.take(by)).collect()
    }

    #[test]
    fn one_machine_gets_half_and_the_next_half_of_the_rest() {
        let places = Places::new(1_000);

        let first = take_all(&places, machine(1));
        let second = take_all(&places, machine(2));

        assert_eq!((first.len(), second.len()), (500, 250));
        assert!(places.take(machine(3)).is_some());
    }

    #[test]
    fn the_only_place_is_anybodys() {
        let places = Places::new(1);

        let place = places.take(machine(1));

        assert!(place.is_some());
        assert!(places.take(machine(2)).is_none());
        drop(place);
        assert!(places.take(machine(2)).is_some());
    }

    #[test]
    fn a_place_is_free_when_the_last_of_its_clones_is_gone_and_nothing_of_its_machine_is_kept() {
        let places = Places::new(2);
        let place = places.take(machine(1)).unwrap();
        let clone = place.clone();

        drop(place);
        assert_eq!(places.lock().free, 1);
        drop(clone);

        assert_eq!(places.lock().free, 2);
        assert!(places.lock().held.is_empty());
    }

    #[test]
    fn those_whose_machine_is_not_known_share_one_part() {
        let places = Places::new(10);

        assert_eq!(take_all(&places, None).len(), 5);
    }
}
