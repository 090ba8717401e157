//! The members of the cluster, one of which is asked until it fails.

use std::{
    error::Error,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tonic::transport::{Channel, Endpoint};

/// How much of a watch that nobody reads may be under way on its connection, so that there is room for the others.
const WATCH_WINDOW: u32 = 64 * 1024;

/// Room for 16,384 watches that nobody reads.
const WATCHES_WINDOW: u32 = 1 << 30;

/// The members, and which of them is asked.
#[derive(Debug)]
pub(super) struct Members {
    members: Box<[Member]>,
    current: AtomicUsize,
    /// Whether the last that was heard was an answer: so an outage is logged once, and its end.
    answers: AtomicBool,
}

/// One member. It connects when it is first asked, and again whenever it must.
#[derive(Debug)]
struct Member {
    name: String,
    calls: Line,
    /// Watches have a connection of their own, so that those that nobody reads keep no answer back.
    watches: Line,
}

/// A connection that can be made anew.
#[derive(Debug)]
struct Line {
    endpoint: Endpoint,
    channel: RwLock<Channel>,
}

/// The member that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat(usize);

// === impl Members ===

impl Members {
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Self {
        Self {
            members: endpoints.into_iter().map(Member::new).collect(),
            current: AtomicUsize::new(0),
            answers: AtomicBool::new(true),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    pub(super) fn current(&self) -> Seat {
        Seat(self.current.load(Ordering::Relaxed))
    }

    pub(super) fn calls(&self, seat: Seat) -> Channel {
        self.member(seat).calls.channel()
    }

    pub(super) fn watches(&self, seat: Seat) -> Channel {
        self.member(seat).watches.channel()
    }

    /// Notes that a member answered.
    pub(super) fn answered(&self, seat: Seat) {
        // Read first: this is on the path of every call.
        if !self.answers.load(Ordering::Relaxed) && !self.answers.swap(true, Ordering::Relaxed) {
            let member = &self.member(seat).name;
            tracing::info!(%member, "Etcd answers");
        }
    }

    /// Has the next member asked from now on, if this one still is.
    pub(super) fn leave(&self, seat: Seat, cause: &(dyn Error + 'static)) {
        let next = (seat.0 + 1) % self.count();
        let left =
            self.current
                .compare_exchange(seat.0, next, Ordering::Relaxed, Ordering::Relaxed);
        if left.is_ok() && self.answers.swap(false, Ordering::Relaxed) {
            let member = &self.member(seat).name;
            tracing::warn!(%member, error = cause, "Etcd does not answer, asking the next member");
        }
    }

    /// Connects to a silent member anew: its connection may never tell that it is dead.
    pub(super) fn hang_up(&self, seat: Seat) {
        let member = self.member(seat);
        member.calls.renew();
        member.watches.renew();
    }

    fn member(&self, seat: Seat) -> &Member {
        self.members
            .get(seat.0)
            .expect("a seat must be one of a member")
    }
}

// === impl Member ===

impl Member {
    fn new(endpoint: Endpoint) -> Self {
        let watches = endpoint
            .clone()
            .initial_stream_window_size(WATCH_WINDOW)
            .initial_connection_window_size(WATCHES_WINDOW);
        Self {
            name: endpoint.uri().to_string(),
            calls: Line::new(endpoint),
            watches: Line::new(watches),
        }
    }
}

// === impl Line ===

impl Line {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            channel: RwLock::new(endpoint.connect_lazy()),
            endpoint,
        }
    }

    fn channel(&self) -> Channel {
        self.channel
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn renew(&self) {
        let mut channel = self.channel.write().unwrap_or_else(PoisonError::into_inner);
        *channel = self.endpoint.connect_lazy();
    }
}
