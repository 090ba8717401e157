//! Connections that carry nothing but long streams.
//!
//! A data store serves 200 calls at once on one connection and lets the others wait. Streams that go on for hours would fill the connection
//! of the short calls; they get connections of their own, each half full at most, so that a stream never waits for another to end either.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most streams on one connection: half of what the data store serves, so that one it has not yet seen ending takes nobody's place.
pub(super) const MAX_STREAMS: usize = 100;

/// The lanes to one address. `C` is a connection, which is cheap to clone.
pub(super) struct Lanes<C> {
    open: Box<dyn Fn() -> C + Send + Sync>,
    lanes: Mutex<State<C>>,
}

/// A stream's place in a lane, free again when this is dropped.
pub(super) struct Place<C> {
    lanes: Arc<Lanes<C>>,
    lane: u64,
}

struct State<C> {
    lanes: Vec<Lane<C>>,
    opened: u64,
}

struct Lane<C> {
    name: u64,
    connection: C,
    streams: usize,
}

// === impl Lanes ===

impl<C: Clone> Lanes<C> {
    /// None yet; `open` opens each that is needed.
    pub(super) fn new(open: impl Fn() -> C + Send + Sync + 'static) -> Self {
        Self {
            open: Box::new(open),
            lanes: Mutex::new(State {
                lanes: Vec::new(),
                opened: 0,
            }),
        }
    }

    /// A connection with room for one more stream, which keeps its place as long as it keeps [`Place`].
    pub(super) fn take(self: &Arc<Self>) -> (C, Place<C>) {
        let mut state = self.lock();
        // The fullest, so that the others get to be empty.
        let fullest = state
            .lanes
            .iter_mut()
            .filter(|lane| lane.streams < MAX_STREAMS)
            .max_by_key(|lane| lane.streams);
        let (name, connection) = if let Some(lane) = fullest {
            lane.streams += 1;
            (lane.name, lane.connection.clone())
        } else {
            let (name, connection) = (state.opened, (self.open)());
            state.opened += 1;
            state.lanes.push(Lane {
                name,
                connection: connection.clone(),
                streams: 1,
            });
            (name, connection)
        };
        drop(state);
        let lanes = Arc::clone(self);
        (connection, Place { lanes, lane: name })
    }
}

impl<C> Lanes<C> {
    fn leave(&self, name: u64) {
        let mut state = self.lock();
        if let Some(lane) = state.lanes.iter_mut().find(|lane| lane.name == name) {
            lane.streams -= 1;
        }
        // One stays, for whoever comes next.
        let mut empty = 0;
        state.lanes.retain(|lane| {
            empty += usize::from(lane.streams == 0);
            lane.streams > 0 || empty == 1
        });
    }

    /// Nothing is left half done by a panic: a lock that was held by one is as good as another.
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> fmt::Debug for Lanes<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams: Vec<_> = self.lock().lanes.iter().map(|lane| lane.streams).collect();
        f.debug_struct("Lanes")
            .field("streams", &streams)
            .finish_non_exhaustive()
    }
}

// === impl Place ===

impl<C> Drop for Place<C> {
    fn drop(&mut self) {
        self.lanes.leave(self.lane);
    }
}

impl<C> fmt::Debug for Place<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::{Lanes, MAX_STREAMS, Place};

    /// Lanes whose connections are numbers: the first is 0.
    fn mk_lanes() -> Arc<Lanes<usize>> {
        let next = AtomicUsize::new(0);
        Arc::new(Lanes::new(move || next.fetch_add(1, Ordering::Relaxed)))
    }

    fn take(lanes: &Arc<Lanes<usize>>, count: usize) -> Vec<(usize, Place<usize>)> {
        (0..count).map(|_| lanes.take()).collect()
    }

    fn open(lanes: &Lanes<usize>) -> Vec<usize> {
        let state = lanes.lock();
        state.lanes.iter().map(|lane| lane.connection).collect()
    }

    #[test]
    fn a_lane_is_opened_when_all_are_full_and_none_before_the_first_stream() {
        let lanes = mk_lanes();
        assert!(open(&lanes).is_empty());

        let streams = take(&lanes, MAX_STREAMS + 1);

        assert!(streams[..MAX_STREAMS].iter().all(|(lane, _)| *lane == 0));
        assert_eq!(streams[MAX_STREAMS].0, 1);
    }

    #[test]
    fn a_place_is_taken_again_once_it_is_free() {
        let lanes = mk_lanes();
        let mut streams = take(&lanes, MAX_STREAMS);

        streams.pop();
        let (lane, _place) = lanes.take();

        assert_eq!(lane, 0);
    }

    #[test]
    fn of_the_lanes_that_are_empty_one_is_kept() {
        let lanes = mk_lanes();
        let streams = take(&lanes, 5 * MAX_STREAMS);
        assert_eq!(open(&lanes).len(), 5);

        drop(streams);

        assert_eq!(open(&lanes).len(), 1);
    }

    #[test]
    fn streams_gather_in_the_fullest_lane_so_that_others_become_empty() {
        let lanes = mk_lanes();
        let mut streams = take(&lanes, 2 * MAX_STREAMS);
        // One stays in the first, all but one in the second.
        streams.drain(1..=MAX_STREAMS);

        let (lane, _place) = lanes.take();

        assert_eq!(lane, 1);
    }
}
