//! One question at a time about each token, however many ask it.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::{sync::watch, task::JoinSet};
use tracing::Instrument as _;

use crate::authn::fingerprint::Fingerprint;

/// The questions under way. Each runs in a task of its own, so that whoever asked first may hang up without failing the others.
///
/// Dropping it ends them all.
pub(crate) struct Flights<T> {
    under_way: UnderWay<T>,
    tasks: Mutex<JoinSet<()>>,
}

/// The other end of each channel is held by the task of the question, in its [`Landing`].
type UnderWay<T> = Arc<Mutex<HashMap<Fingerprint, Flight<T>>>>;

/// An answer to come.
#[derive(Clone, Debug)]
pub(crate) struct Flight<T>(watch::Receiver<Option<T>>);

/// How a question is answered.
#[derive(Debug)]
pub(crate) enum Boarding<T> {
    /// By a question that was under way already.
    Joined(Flight<T>),
    /// By a question that was started now.
    Started(Flight<T>),
    /// At once: there is no need to ask, or no way.
    Settled(T),
}

/// The end of a flight: however its task ends, the next one to ask can start another.
struct Landing<T> {
    key: Fingerprint,
    under_way: UnderWay<T>,
    answer: watch::Sender<Option<T>>,
}

// === impl Flights ===

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(crate) fn new() -> Self {
        Self {
            under_way: Arc::default(),
            tasks: Mutex::default(),
        }
    }

    pub(crate) fn is_under_way(&self, key: &Fingerprint) -> bool {
        lock(&self.under_way).contains_key(key)
    }

    /// Joins the question that is under way about `key`, or starts one.
    ///
    /// `ask` makes it, or answers at once. It runs while nobody else can start one, so that what the last one left behind is seen.
    pub(crate) fn board<Asking>(
        &self,
        key: Fingerprint,
        ask: impl FnOnce() -> Result<Asking, T>,
    ) -> Boarding<T>
    where
        Asking: Future<Output = T> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        let vacant = match under_way.entry(key) {
            Entry::Occupied(flight) => return Boarding::Joined(flight.get().clone()),
            Entry::Vacant(vacant) => vacant,
        };
        let asking = match ask() {
            Ok(asking) => asking,
            Err(settled) => return Boarding::Settled(settled),
        };
        let (tx, rx) = watch::channel(None);
        let flight = vacant.insert(Flight(rx)).clone();
        drop(under_way);

        let landing = Landing {
            key,
            under_way: Arc::clone(&self.under_way),
            answer: tx,
        };
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move { landing.with(asking.await) }.in_current_span());
        Boarding::Started(flight)
    }
}

impl<T> fmt::Debug for Flights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it is held leaves it usable: every change is a single one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Flight ===

impl<T: Clone> Flight<T> {
    /// The answer; nothing when the task that asked crashed.
    pub(crate) async fn landed(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

// === impl Landing ===

impl<T> Landing<T> {
    fn with(self, answer: T) {
        self.answer.send_replace(Some(answer));
    }
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("A review crashed; whoever waits for it is refused");
        }
        lock(&self.under_way).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future};

    use futures::future::join_all;
    use tokio::sync::oneshot;

    use super::{Boarding, Flight, Flights};
    use crate::authn::fingerprint::{Fingerprint, Fingerprints};

    fn mk_key() -> Fingerprint {
        Fingerprints::new(&"data-store".parse().unwrap()).of(b"a-token")
    }

    /// Starts a question that is answered through the sender.
    fn start(flights: &Flights<u8>, key: Fingerprint) -> (Flight<u8>, oneshot::Sender<u8>) {
        let (tx, rx) = oneshot::channel();
        match flights.board(key, || Ok::<_, u8>(async { rx.await.unwrap() })) {
            Boarding::Started(flight) => (flight, tx),
            other => panic!("{other:?}"),
        }
    }

    fn join(flights: &Flights<u8>, key: Fingerprint) -> Flight<u8> {
        match flights.board::<future::Pending<u8>>(key, || panic!("nobody must be asked")) {
            Boarding::Joined(flight) => flight,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn whoever_asks_meanwhile_shares_the_answer() {
        let (flights, key) = (Flights::new(), mk_key());
        let (first, answer) = start(&flights, key);
        let others: Vec<_> = (0..1_000).map(|_| join(&flights, key)).collect();

        answer.send(7).unwrap();

        assert_eq!(first.landed().await, Some(7));
        for answer in join_all(others.into_iter().map(Flight::landed)).await {
            assert_eq!(answer, Some(7));
        }
    }

    #[tokio::test]
    async fn the_first_to_ask_may_hang_up() {
        let (flights, key) = (Flights::new(), mk_key());
        let (first, answer) = start(&flights, key);
        let second = join(&flights, key);

        drop(first);
        answer.send(7).unwrap();

        assert_eq!(second.landed().await, Some(7));
    }

    #[tokio::test]
    async fn a_crash_answers_nobody_and_the_next_to_ask_starts_anew() {
        let (flights, key) = (Flights::new(), mk_key());
        let (first, answer) = start(&flights, key);
        let second = join(&flights, key);

        drop(answer);

        assert_eq!(first.landed().await, None);
        assert_eq!(second.landed().await, None);
        let (third, answer) = start(&flights, key);
        answer.send(8).unwrap();
        assert_eq!(third.landed().await, Some(8));
    }

    #[tokio::test]
    async fn what_can_be_said_at_once_starts_nothing() {
        let (flights, key) = (Flights::new(), mk_key());

        let settled = flights.board::<future::Ready<u8>>(key, || Err(3));

        assert!(matches!(settled, Boarding::Settled(3)));
        let (_flight, _answer) = start(&flights, key);
    }

    #[tokio::test]
    async fn dropping_them_ends_every_question() {
        let (flights, key) = (Flights::new(), mk_key());
        let (dropped_with, gone) = oneshot::channel::<Infallible>();
        let asking = async move {
            let _held = dropped_with;
            future::pending().await
        };
        let Boarding::Started(flight) = flights.board(key, || Ok::<_, u8>(asking)) else {
            panic!("there was none")
        };

        drop(flights);

        gone.await.unwrap_err();
        assert_eq!(flight.landed().await, None);
    }
}
