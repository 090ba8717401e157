//! Asks for the file to be read now, instead of when that is due.
//!
//! One read answers everybody who asks meanwhile, so there is no queue that could be full. How often is read is for the reader to say: a
//! flood of questions does not become a flood of reads.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{self, Instant},
};

/// Asks. Clones are cheap, and ask the same reader.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    now: Arc<Notify>,
    answered: watch::Receiver<()>,
}

/// Hears that somebody asks; the reader holds it. When it is dropped, everybody who asks is told at once that there will be no answer.
#[derive(Debug)]
pub(super) struct Asked {
    now: Arc<Notify>,
    answered: watch::Sender<()>,
    read_at: Instant,
}

/// Both ends, for a file that has just been read.
pub(super) fn channel() -> (Ask, Asked) {
    let now = Arc::new(Notify::new());
    let (tx, rx) = watch::channel(());
    let ask = Ask {
        now: Arc::clone(&now),
        answered: rx,
    };
    let asked = Asked {
        now,
        answered: tx,
        read_at: Instant::now(),
    };
    (ask, asked)
}

// === impl Ask ===

impl Ask {
    /// Asks, and waits until the reader has answered or is gone.
    ///
    /// # Cancel safety
    ///
    /// The question stays asked when this is dropped: at most, there is one read that nobody waits for.
    pub(super) async fn ask(&self) {
        let mut answered = self.answered.clone();
        answered.mark_unchanged();
        self.now.notify_one();
        let _or_gone = answered.changed().await;
    }
}

// === impl Asked ===

impl Asked {
    /// Waits until `due` has passed, or somebody asks and the last read is at least `apart` ago. Who asks sooner is answered at once.
    ///
    /// # Cancel safety
    ///
    /// No question is lost when this is dropped.
    pub(super) async fn wait(&self, due: Duration, apart: Duration) {
        let mut due = pin!(time::sleep(due));
        loop {
            tokio::select! {
                () = &mut due => return,
                () = self.now.notified() => {
                    if self.read_at.elapsed() >= apart {
                        return;
                    }
                    self.answered.send_replace(());
                }
            }
        }
    }

    /// Says that the file has just been read, to everybody who has asked so far.
    pub(super) fn read(&mut self) {
        self.read_at = Instant::now();
        self.answered.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{FutureExt as _, future::join_all};
    use tokio::time::{self, Instant};

    use super::channel;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_read_is_due_when_its_time_has_come_or_somebody_asks() {
        let (ask, mut asked) = channel();
        let began = Instant::now();

        asked.wait(MINUTE, SECOND).await;
        asked.read();
        assert_eq!(began.elapsed(), MINUTE);

        let asking = async {
            time::sleep(SECOND).await;
            ask.ask().await;
        };
        let reading = async {
            asked.wait(MINUTE, SECOND).await;
            asked.read();
        };
        tokio::join!(asking, reading);
        assert_eq!(began.elapsed(), MINUTE + SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn one_read_answers_everybody_who_asked() {
        let (ask, mut asked) = channel();
        let reading = async {
            asked.wait(MINUTE, Duration::ZERO).await;
            asked.read();
        };

        let everybody = join_all((0..1000).map(|_| ask.ask()));

        tokio::join!(everybody, reading);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_too_soon_is_answered_at_once_and_the_schedule_goes_on() {
        let (ask, asked) = channel();
        let began = Instant::now();
        let asking = async {
            for _ in 0..100 {
                ask.ask().await;
            }
            began.elapsed()
        };

        let (answered_after, ()) = tokio::join!(asking, asked.wait(MINUTE, MINUTE));

        assert_eq!(answered_after, Duration::ZERO);
        assert_eq!(began.elapsed(), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_nobody_waits_for_any_more_is_asked_all_the_same() {
        let (ask, asked) = channel();
        let began = Instant::now();

        assert!(ask.ask().now_or_never().is_none());
        asked.wait(MINUTE, Duration::ZERO).await;

        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_reader_that_is_gone() {
        let (ask, asked) = channel();
        let leaving = async { drop(asked) };

        tokio::join!(ask.ask(), leaving);

        ask.ask().await;
    }
}
