//! The tasks of a program: every one has a name and an owner, and none ends unnoticed.

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// The tasks a program is made of. Dropping it aborts them all.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
    names: Vec<(Id, &'static str)>,
    stop: CancellationToken,
}

/// A task ended although nobody had asked the program to stop.
#[derive(Debug, thiserror::Error)]
#[error("the task {name:?} ended before the program was told to stop")]
pub struct Stopped {
    name: &'static str,
    #[source]
    panic: Option<JoinError>,
}

// === impl Tasks ===

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task, in the current span. It gets a token that is cancelled when the program is to stop, and must end soon after.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: &'static str,
        task: impl FnOnce(CancellationToken) -> F,
    ) {
        let handle = self.set.spawn(task(self.stop.clone()).in_current_span());
        self.names.push((handle.id(), name));
    }

    /// Starts a task that has nothing to finish: it is dropped when the program is to stop.
    pub fn spawn_endless(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn(name, async move |stop| {
            stop.run_until_cancelled(task).await;
        });
    }

    /// Runs until `shutdown` resolves, then tells every task to stop and waits for all of them.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when a task ends or panics first; the others are stopped in good order all the same.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Stopped> {
        let early = tokio::select! {
            () = shutdown => None,
            Some(ended) = self.set.join_next_with_id() => Some(ended),
        };
        self.stop.cancel();
        let mut outcome = match early {
            None => Ok(()),
            Some(Ok((id, ()))) => Err(self.stopped(id, None)),
            Some(Err(panic)) => Err(self.stopped(panic.id(), Some(panic))),
        };
        while let Some(ended) = self.set.join_next_with_id().await {
            if let Err(panic) = ended
                && outcome.is_ok()
            {
                outcome = Err(self.stopped(panic.id(), Some(panic)));
            }
        }
        outcome
    }

    fn stopped(&self, id: Id, panic: Option<JoinError>) -> Stopped {
        let name = self
            .names
            .iter()
            .find_map(|(known, name)| (*known == id).then_some(*name))
            .unwrap_or("unknown");
        Stopped { name, panic }
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::Tasks;

    #[tokio::test]
    async fn a_shutdown_stops_every_task_and_is_no_error() {
        let mut tasks = Tasks::new();
        tasks.spawn("one", async |stop| stop.cancelled().await);
        tasks.spawn("two", async |stop| stop.cancelled().await);

        tasks.run_until(future::ready(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_ends_early_stops_the_program_and_is_named() {
        let mut tasks = Tasks::new();
        tasks.spawn("faithful", async |stop| stop.cancelled().await);
        tasks.spawn("fickle", async |_stop| ());

        let error = tasks.run_until(future::pending()).await.unwrap_err();

        assert!(error.to_string().contains("fickle"), "{error}");
    }

    #[tokio::test]
    async fn a_task_that_panics_stops_the_program_and_is_named() {
        let mut tasks = Tasks::new();
        tasks.spawn("broken", async |_stop| panic!("as planned"));

        let error = tasks.run_until(future::pending()).await.unwrap_err();

        assert!(error.to_string().contains("broken"), "{error}");
    }
}
