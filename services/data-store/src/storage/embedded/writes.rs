use std::{
    fmt, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use proto::records::v1::Record;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    task::spawn_blocking,
};

use super::{
    apply::{Answers, apply},
    engine::Engine,
    failure::Failure,
    layout::Span,
};
use crate::storage::{Delete, Put, StorageError};

/// How much may wait to be written, in units of [`UNIT`] bytes; further writers wait until there is room.
const ROOM: u32 = 32 * 1024;
const UNIT: usize = 1024;

/// How long a commit waits for those whose last writes were just answered: about as long as it takes them to come back, and less than
/// an fsync takes. Without it, two halves of the writers would take turns, each waiting for the fsync of the other.
const GATHERING: Duration = Duration::from_micros(200);

/// Commits writes in the order in which they were asked for: those that come while a commit is under way share the next one, and its fsync.
pub(super) struct Writes {
    engine: Arc<Engine>,
    history: u32,
    room: Arc<Semaphore>,
    queue: Arc<Queue>,
    /// Changes after every commit; read by those who watch.
    commits: watch::Sender<()>,
}

#[derive(Debug)]
pub(super) enum Write {
    Put(Put),
    Delete(Delete),
}

/// What came of a write of the same name.
#[derive(Debug)]
pub(super) enum Written {
    Put(Record),
    Delete(Option<i64>),
}

/// Who waits. It outlives the store while somebody serves it.
#[derive(Debug, Default)]
struct Queue {
    line: Mutex<Line>,
    /// Told when as many wait as are expected.
    is_full: Condvar,
}

#[derive(Debug, Default)]
struct Line {
    waiting: Vec<Waiting>,
    /// How many will probably wait soon.
    expected: usize,
    /// Whether a task is at work that takes what waits until nothing does.
    is_served: bool,
}

#[derive(Debug)]
struct Waiting {
    write: Write,
    /// Held by the writer at the other end, until it hangs up.
    answer: oneshot::Sender<Result<Written, StorageError>>,
    _room: OwnedSemaphorePermit,
}

// === impl Writes ===

impl Writes {
    pub(super) fn new(engine: Arc<Engine>, history: u32) -> Self {
        Self {
            engine,
            history,
            room: Arc::new(Semaphore::new(ROOM as usize)),
            queue: Arc::default(),
            commits: watch::Sender::new(()),
        }
    }

    /// Writes, and answers once it is on disk. When the future is dropped before its commit began, nothing is written.
    pub(super) async fn write(self: &Arc<Self>, write: Write) -> Result<Written, StorageError> {
        let room = Arc::clone(&self.room)
            .acquire_many_owned(write.units())
            .await
            .expect("the room must never be closed");
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            write,
            answer,
            _room: room,
        };
        if self.queue.add(waiting) {
            let (writes, queue) = (Arc::downgrade(self), Arc::clone(&self.queue));
            // Ends when nothing waits; from here on what waits is written, whether or not this caller stays.
            spawn_blocking(move || queue.serve(&writes));
        }
        answered.await.unwrap_or(Err(StorageError::Stopping))
    }

    /// Tells of every commit from now on.
    pub(super) fn commits(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    fn commit(&self, batch: &[Waiting]) -> Answers {
        let writes = || batch.iter().map(|waiting| &waiting.write);
        let applied = self
            .engine
            .write(|database| apply(database, writes(), self.history));
        // Also after a failure: the commit may have happened.
        self.commits.send_replace(());
        applied.unwrap_or_else(|failure| {
            let error = self.told(failure);
            batch.iter().map(|_| Err(error.clone())).collect()
        })
    }

    /// What writers are told of a commit that failed.
    fn told(&self, failure: Failure) -> StorageError {
        let after = match &failure {
            Failure::Commit { after, .. } if failure.is_full() => *after,
            _ => return failure.into(),
        };
        // A disk may say that it is full after it took every page. Who hears that it is full hears that nothing was written.
        match self.engine.read(Span::of) {
            Ok(span) if span.last == after => failure.into(),
            Ok(_) | Err(_) => StorageError::Unavailable(Arc::new(failure)),
        }
    }
}

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writes").finish_non_exhaustive()
    }
}

// === impl Queue ===

impl Queue {
    /// Answers whether nobody is there to serve the queue.
    fn add(&self, waiting: Waiting) -> bool {
        let mut line = self.line();
        line.waiting.push(waiting);
        if line.waiting.len() >= line.expected {
            self.is_full.notify_one();
        }
        !mem::replace(&mut line.is_served, true)
    }

    /// Commits until nothing waits, or nobody is left who could.
    fn serve(&self, writes: &Weak<Writes>) {
        while let Some(batch) = self.next_batch() {
            let Some(writes) = writes.upgrade() else {
                return;
            };
            let answers = writes.commit(&batch);
            // Whoever drops the last handle once this is answered finds the file free to be opened.
            drop(writes);
            self.expect(batch.len());
            answer(batch, answers);
        }
    }

    /// Takes what waits, as soon as it is what is expected, or after a moment.
    fn next_batch(&self) -> Option<Vec<Waiting>> {
        let line = self.line();
        let gathered = self
            .is_full
            .wait_timeout_while(line, GATHERING, |line| line.waiting.len() < line.expected);
        let (mut line, _timeout) = gathered.unwrap_or_else(PoisonError::into_inner);
        let mut batch = mem::take(&mut line.waiting);
        batch.retain(|waiting| !waiting.answer.is_closed());
        line.is_served = !batch.is_empty();
        line.expected = 0;
        line.is_served.then_some(batch)
    }

    /// Expects those who are about to be answered to come again, beside those who wait.
    fn expect(&self, answered: usize) {
        let mut line = self.line();
        line.expected = line.waiting.len() + answered;
    }

    // What a poisoned lock guards is still a line.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Write ===

impl Write {
    fn units(&self) -> u32 {
        let bytes = match self {
            Self::Put(put) => put.value.len() + put.key.len(),
            Self::Delete(delete) => delete.key.len(),
        };
        u32::try_from(bytes / UNIT + 1).map_or(ROOM, |units| units.min(ROOM))
    }
}

fn answer(batch: Vec<Waiting>, answers: Answers) {
    for (waiting, answer) in batch.into_iter().zip(answers) {
        // Whoever hung up does not want to know.
        let _gone = waiting.answer.send(answer);
    }
}

#[cfg(test)]
mod tests;
