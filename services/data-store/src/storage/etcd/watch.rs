//! Watches: what one member tells, and the next when that one fails.

mod line;
mod position;

use std::{sync::Arc, time::Duration, vec};

use futures::{StreamExt as _, stream, stream::BoxStream};
use proto::etcd::{self, event::EventType};
use tokio::time::{self, Instant};

use self::{
    line::{Line, Subject},
    position::Position,
};
use super::{Inner, client::DEADLINE, fault::Fault, keys::Span, revision, row};
use crate::storage::{Event, StorageError};

/// How long a watch tries to go on before it ends.
const PERSEVERANCE: Duration = Duration::from_secs(10);

/// How long to wait before a watch tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// A watch of records, at whichever member.
struct Watching {
    inner: Arc<Inner>,
    span: Span,
    position: Position,
    line: Option<Line>,
    /// What is still to be told of the answer before, and the revision that is complete after it, if it is.
    changes: vec::IntoIter<etcd::Event>,
    completes: Option<i64>,
}

/// Begins a watch with a bookmark.
pub(super) async fn begin(
    inner: Arc<Inner>,
    prefix: &str,
    start: i64,
) -> Result<BoxStream<'static, Result<Event, StorageError>>, StorageError> {
    let before = if start == 0 {
        inner.stand(None).await?
    } else {
        start - 1
    };
    let mut watching = Watching {
        span: inner.keys.below(prefix),
        inner,
        position: Position::after(before),
        line: None,
        changes: Vec::new().into_iter(),
        completes: None,
    };
    watching.line = Some(watching.reach().await?);
    let bookmark = Event::Bookmark { revision: before };
    let rest = stream::try_unfold(watching, async |mut watching| {
        let event = watching.next().await?;
        Ok(Some((event, watching)))
    });
    Ok(stream::iter([Ok(bookmark)]).chain(rest).boxed())
}

// === impl Inner ===

impl Inner {
    /// The revision up to which history is forgotten. Only a watch of the forgotten is told.
    pub(super) async fn compacted(&self) -> Result<i64, Fault> {
        let subject = Subject {
            key: self.keys.nobody(),
            range_end: bytes::Bytes::new(),
            start: 1,
        };
        let mut line = Line::open(&self.client, subject).await?;
        let answer = match time::timeout(DEADLINE, line.next()).await {
            Ok(answer) => answer?,
            Err(_elapsed) => return Err(Fault::silence(DEADLINE)),
        };
        Ok(answer.compact_revision)
    }
}

// === impl Watching ===

impl Watching {
    async fn next(&mut self) -> Result<Event, StorageError> {
        loop {
            if let Some(event) = self.told()? {
                return Ok(event);
            }
            let Some(line) = &mut self.line else {
                self.line = Some(self.reach_again().await?);
                continue;
            };
            match line.next().await {
                Ok(answer) => {
                    if let Some(bookmark) = self.take(answer)? {
                        return Ok(bookmark);
                    }
                }
                Err(fault) => {
                    self.inner.client.note(line.seat(), &fault);
                    self.line = None;
                }
            }
        }
    }

    /// The next change of the answer before, if it is news.
    fn told(&mut self) -> Result<Option<Event>, StorageError> {
        for change in self.changes.by_ref() {
            let kind = change.r#type();
            let Some(row) = change.kv else {
                continue;
            };
            if self.position.admits(row.mod_revision) {
                return self.event(kind, row).map(Some);
            }
        }
        if let Some(revision) = self.completes.take() {
            self.position.complete(revision);
        }
        Ok(None)
    }

    fn event(&self, kind: EventType, row: etcd::KeyValue) -> Result<Event, StorageError> {
        let keys = &self.inner.keys;
        match kind {
            EventType::Put => row::decode(keys, row).map(Event::Put),
            EventType::Delete => Ok(Event::Delete {
                key: keys.name(&row.key).map_err(row::damaged)?,
                revision: row.mod_revision,
            }),
        }
    }

    /// Takes an answer in. One without changes is a bookmark.
    fn take(&mut self, answer: etcd::WatchResponse) -> Result<Option<Event>, StorageError> {
        if answer.canceled && answer.compact_revision > 0 {
            return Err(StorageError::HistoryGone {
                oldest: answer.compact_revision + 1,
            });
        }
        if answer.canceled {
            self.line = None;
            return Ok(None);
        }
        let last = answer.events.last().and_then(|change| change.kv.as_ref());
        let Some(last) = last.map(|row| row.mod_revision) else {
            let revision = revision(answer.header.as_ref());
            let is_news = revision > self.position.whole();
            self.position.complete(revision);
            return Ok(is_news.then_some(Event::Bookmark { revision }));
        };
        self.completes = (!answer.fragment).then_some(last);
        self.changes = answer.events.into_iter();
        Ok(None)
    }

    /// Begins the watch where it stands, at the member that is asked.
    ///
    /// etcd begins a watch at a compacted revision, though a deletion at that very one may be forgotten. So it is begun one before the first
    /// that matters; and as it is refused late, after a tenth of a second, whether it can be is asked first.
    async fn reach(&mut self) -> Result<Line, StorageError> {
        let from = self.position.whole().max(1);
        self.inner.stand(Some(from)).await?;
        self.position.resume();
        let subject = Subject {
            key: self.span.start.clone(),
            range_end: self.span.end.clone(),
            start: from,
        };
        Ok(Line::open(&self.inner.client, subject).await?)
    }

    async fn reach_again(&mut self) -> Result<Line, StorageError> {
        let began = Instant::now();
        loop {
            match self.reach().await {
                Err(StorageError::Unavailable(cause)) if began.elapsed() >= PERSEVERANCE => {
                    return Err(StorageError::Unavailable(cause));
                }
                Err(StorageError::Unavailable(_)) => time::sleep(PAUSE).await,
                reached => return reached,
            }
        }
    }
}
