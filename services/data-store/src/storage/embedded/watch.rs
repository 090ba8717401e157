use std::collections::VecDeque;

use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::watch;

use super::{Embedded, layout::Span, read};
use crate::storage::{Event, StorageError};

/// How far a watch may fall silent behind the store before a bookmark says where it is.
const BOOKMARK_AFTER: i64 = 1_000;

/// Where a watch is.
struct Position {
    storage: Embedded,
    prefix: String,
    /// The next revision to look at.
    next: i64,
    /// The last revision that was told.
    told: i64,
    /// Read, but not told yet.
    pending: VecDeque<Event>,
    commits: watch::Receiver<()>,
}

/// Begins to watch at the revision `start`, or at the next one when that is 0.
pub(super) async fn begin(
    storage: Embedded,
    prefix: String,
    start: i64,
) -> Result<BoxStream<'static, Result<Event, StorageError>>, StorageError> {
    let commits = storage.writes.commits();
    let before = storage
        .read(move |database| {
            let span = Span::of(database)?;
            let before = if start == 0 { span.last } else { start - 1 };
            span.check_remembers(before)?;
            Ok(before)
        })
        .await?;
    let position = Position {
        storage,
        prefix,
        next: before + 1,
        told: before,
        pending: VecDeque::from([Event::Bookmark { revision: before }]),
        commits,
    };
    Ok(stream::try_unfold(position, Position::go_on).boxed())
}

// === impl Position ===

impl Position {
    /// Answers the next event as soon as there is one, and where the watch is then.
    async fn go_on(mut self) -> Result<Option<(Event, Self)>, StorageError> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.told = event.revision();
                return Ok(Some((event, self)));
            }
            // Before it is read: a commit in between is noticed.
            self.commits.mark_unchanged();
            let (prefix, from) = (self.prefix.clone(), self.next);
            let changes = self
                .storage
                .read(move |database| read::changes(database, &prefix, from))
                .await?;
            self.next = changes.next;
            self.pending.extend(changes.events);
            if self.pending.is_empty() && self.next - self.told > BOOKMARK_AFTER {
                let revision = self.next - 1;
                self.pending.push_back(Event::Bookmark { revision });
            }
            if self.next == from {
                // It is ours through `storage`, so it is never closed.
                let _still_there = self.commits.changed().await;
            }
        }
    }
}
