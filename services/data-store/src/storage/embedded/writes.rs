use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// Commits writes in the order in which they were asked for: those that come while a commit is under way share the next one, and its fsync.
pub(super) struct Writes {
    engine: Arc<Engine>,
    history: u32,
    room: Arc<Semaphore>,
    queue: Mutex<Queue>,
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

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
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
            queue: Mutex::new(Queue::default()),
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
        if self.enqueue(waiting) {
            let writes = Arc::clone(self);
            // Ends when nothing waits; from here on what waits is written, whether or not this caller stays.
            spawn_blocking(move || writes.commit_all());
        }
        answered.await.unwrap_or(Err(StorageError::Stopping))
    }

    /// Tells of every commit from now on.
    pub(super) fn commits(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    /// Answers whether nobody is there to serve the queue.
    fn enqueue(&self, waiting: Waiting) -> bool {
        let mut queue = self.queue();
        queue.waiting.push(waiting);
        !mem::replace(&mut queue.is_served, true)
    }

    /// Commits until nothing waits.
    fn commit_all(self: Arc<Self>) {
        let mut batch = self.next_batch();
        while let Some(committing) = batch {
            let answers = self.commit(&committing);
            batch = self.next_batch();
            if batch.is_none() {
                // Whoever drops the last handle once this is answered finds the file free to be opened.
                drop(self);
                return answer(committing, answers);
            }
            answer(committing, answers);
        }
    }

    fn next_batch(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue();
        let mut batch = mem::take(&mut queue.waiting);
        batch.retain(|waiting| !waiting.answer.is_closed());
        queue.is_served = !batch.is_empty();
        queue.is_served.then_some(batch)
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

    // What a poisoned lock guards is still a queue.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writes").finish_non_exhaustive()
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
