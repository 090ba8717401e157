//! Watching: a response that goes on, one line of JSON for every change.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse as _, Response},
};
use futures::stream;
use http::header::CONTENT_TYPE;
use runtime::CancellationToken;
use serde_json::{Value, json};
use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep_until},
};

use super::{present::Form, request_info::RequestInfo, select::Selector};
use crate::api_server::{cluster::Cluster, failure::Failure, objects::kind::Kind};

/// How long a watch lasts when the client does not say; then it simply watches again.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
const LONGEST: Duration = Duration::from_secs(3600);
/// How often a client that wants bookmarks is told the current version, and how long before the end.
const BOOKMARKS: Duration = Duration::from_secs(60);
const FAREWELL: Duration = Duration::from_secs(2);

/// Marks the end of what was there at the start of a watch.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// What is watched, and how it is told.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) kind: &'static Kind,
    pub(super) namespace: Option<String>,
    pub(super) selector: Selector,
    pub(super) form: Form,
}

/// One client's watch.
struct Watcher {
    cluster: Cluster,
    watched: Watched,
    /// Everything up to here was told.
    version: u64,
    /// The store has the other end.
    changed: Receiver<u64>,
    stop: CancellationToken,
    ready: VecDeque<Value>,
    next_bookmark: Option<Instant>,
    end: Instant,
    is_over: bool,
}

pub(super) fn answer(
    cluster: Cluster,
    watched: Watched,
    info: &RequestInfo,
    stop: CancellationToken,
) -> Result<Response, Failure> {
    let number = |name: &str| -> Option<u64> { info.query.get(name)?.parse().ok() };
    let from = number("resourceVersion").filter(|version| *version > 0);
    let wants_initial = info.is_set("sendInitialEvents") || from.is_none();
    let lifetime = number("timeoutSeconds")
        .map_or(LIFETIME, Duration::from_secs)
        .min(LONGEST);
    let end = Instant::now() + lifetime;
    let wants_bookmarks = info.is_set("allowWatchBookmarks");

    let mut watcher = Watcher {
        version: from.unwrap_or_default(),
        changed: cluster.objects().subscribe(),
        next_bookmark: wants_bookmarks.then(|| next_bookmark(end)).flatten(),
        ready: VecDeque::new(),
        is_over: false,
        cluster,
        watched,
        stop,
        end,
    };
    if wants_initial {
        watcher.tell_all();
        if info.is_set("sendInitialEvents") && wants_bookmarks {
            watcher.bookmark(true);
        }
    } else {
        // Too old is told as a plain 410 when it is known before the first byte.
        watcher.cluster.objects().events_after(watcher.version)?;
    }
    let lines = stream::unfold(watcher, async |mut watcher| {
        let event = watcher.next().await?;
        let line = Bytes::from(format!("{event}\n"));
        Some((Ok::<_, Infallible>(line), watcher))
    });
    let content_type = [(CONTENT_TYPE, "application/json")];
    Ok((content_type, Body::from_stream(lines)).into_response())
}

// === impl Watcher ===

impl Watcher {
    /// The next event; `None` when the watch has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            // Marked as seen before reading, so that a change meanwhile wakes us again.
            self.changed.borrow_and_update();
            self.catch_up();
            if !self.ready.is_empty() {
                continue;
            }
            let wake = self.next_bookmark.unwrap_or(self.end).min(self.end);
            tokio::select! {
                () = self.stop.cancelled() => self.is_over = true,
                Ok(()) = self.changed.changed() => {}
                () = sleep_until(wake) => {
                    if wake >= self.end {
                        self.is_over = true;
                    } else {
                        self.bookmark(false);
                        self.next_bookmark = next_bookmark(self.end);
                    }
                }
            }
        }
    }

    fn catch_up(&mut self) {
        match self.cluster.objects().events_after(self.version) {
            Ok((version, events)) => {
                self.version = version;
                let kind = self.watched.kind;
                for event in events.iter().filter(|event| event.kind == kind) {
                    self.tell(event.what, &event.object);
                }
            }
            Err(failure) => {
                let error = json!({ "type": "ERROR", "object": failure.to_json() });
                self.ready.push_back(error);
                self.is_over = true;
            }
        }
    }

    fn tell_all(&mut self) {
        let namespace = self.watched.namespace.as_deref();
        let (version, objects) = self.cluster.objects().list(self.watched.kind, namespace);
        self.version = version;
        for object in &objects {
            self.tell("ADDED", object);
        }
    }

    fn tell(&mut self, what: &str, object: &Arc<Value>) {
        let Watched {
            kind,
            namespace,
            selector,
            form,
        } = &self.watched;
        let is_here = namespace
            .as_ref()
            .is_none_or(|namespace| object["metadata"]["namespace"] == **namespace);
        if is_here && selector.selects(object) {
            let object = form.one(kind, object, self.cluster.clock().now());
            self.ready
                .push_back(json!({ "type": what, "object": object }));
        }
    }

    fn bookmark(&mut self, is_initial_end: bool) {
        let (kind, api_version) = match self.watched.form {
            Form::Whole => (self.watched.kind.name, self.watched.kind.api_version()),
            Form::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned()),
            Form::Table => ("Table", "meta.k8s.io/v1".to_owned()),
        };
        let mut metadata = json!({ "resourceVersion": self.version.to_string() });
        if is_initial_end {
            metadata["annotations"] = json!({ INITIAL_END: "true" });
        }
        let object = json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata });
        self.ready
            .push_back(json!({ "type": "BOOKMARK", "object": object }));
    }
}

/// Once a minute, and shortly before the end, so that the next watch can go on from there.
fn next_bookmark(end: Instant) -> Option<Instant> {
    let now = Instant::now();
    let farewell = end
        .checked_sub(FAREWELL)
        .filter(|farewell| *farewell > now)?;
    Some((now + BOOKMARKS).min(farewell))
}

#[cfg(test)]
mod tests;
