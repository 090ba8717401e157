//! What is logged in a test's own thread, where all of its tasks run.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

use tokio::sync::watch;
use tracing::Level;

/// The shortest piece of a token that would count as a leak.
const PIECE: usize = 20;

/// The one subscriber of the process. Were there one for each test, a test without any could switch off what another waits for: whether
/// anybody cares about an event is remembered for all threads.
static SUBSCRIBER: Once = Once::new();

thread_local! {
    /// Where this thread's events go.
    static LOG: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Everything that was logged so far.
#[derive(Clone, Debug)]
pub(crate) struct Log(watch::Sender<String>);

/// Writes to the log of its thread, if that is listened to.
struct ToThisThread;

// === impl Log ===

impl Log {
    /// Listens from now on to whatever this thread logs and is worth a debug line, in the place of any other log.
    pub(crate) fn capture() -> Self {
        SUBSCRIBER.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(Level::DEBUG)
                .with_ansi(false)
                .with_writer(|| ToThisThread)
                .init();
        });
        let log = Self(watch::Sender::default());
        LOG.replace(Some(log.clone()));
        log
    }

    /// How many lines of this level say this.
    pub(crate) fn count(&self, level: &str, sentence: &str) -> usize {
        count(&self.0.borrow(), level, sentence)
    }

    /// Waits until that many lines of this level say this.
    pub(crate) async fn wait_for(&self, lines: usize, level: &str, sentence: &str) {
        let mut text = self.0.subscribe();
        let enough = text.wait_for(|text| count(text, level, sentence) >= lines);
        let _sender_is_ours = enough.await;
    }

    pub(crate) fn assert_has_no_piece_of(&self, token: &str) {
        let text = self.0.borrow();
        for piece in token.as_bytes().windows(PIECE) {
            let piece = std::str::from_utf8(piece).expect("tokens are ASCII");
            assert!(!text.contains(piece), "{piece:?} was logged");
        }
    }

    pub(crate) fn text(&self) -> String {
        self.0.borrow().clone()
    }
}

impl Write for ToThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let more = str::from_utf8(bytes).map_err(io::Error::other)?;
        LOG.with_borrow(|log| {
            if let Some(Log(text)) = log {
                text.send_modify(|text| text.push_str(more));
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn count(text: &str, level: &str, sentence: &str) -> usize {
    let level = format!(" {level} ");
    let says = |line: &&str| line.contains(&level) && line.contains(sentence);
    text.lines().filter(says).count()
}
