//! One watch at one member, for as long as it lasts.

use std::time::Duration;

use futures::channel::mpsc;
use proto::etcd::{
    WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
    watch_client::WatchClient, watch_request::RequestUnion,
};
use tokio::time;
use tonic::Streaming;

use crate::storage::etcd::{
    client::{Client, DEADLINE, MAX_ANSWER, PATIENCE, with_metadata},
    fault::{Fault, Kind},
    members::Seat,
};

/// After how long a silence the member is asked for a sign of life, and how long it may take over it.
///
/// HTTP/2 has pings for that, but etcd hangs up on those who send more than one in five seconds.
const SILENCE: Duration = Duration::from_secs(2);

/// The watch a sign of life belongs to: none.
const NO_WATCH: i64 = -1;

/// What a watch is to tell.
pub(super) struct Subject {
    pub(super) key: bytes::Bytes,
    /// Empty for the one key.
    pub(super) range_end: bytes::Bytes,
    /// From which revision on.
    pub(super) start: i64,
}

/// A watch that a member began.
#[derive(Debug)]
pub(super) struct Line {
    seat: Seat,
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
    /// Whether a sign of life was asked for.
    asked: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("etcd ended the watch: {0}")]
struct Ended(String);

// === impl Line ===

impl Line {
    /// Has the member that is asked begin a watch.
    pub(super) async fn open(client: &Client, subject: Subject) -> Result<Self, Fault> {
        let seat = client.members.current();
        let patience = if client.members.count() > 1 {
            PATIENCE
        } else {
            DEADLINE
        };
        let opened = match time::timeout(patience, Self::open_at(client, seat, subject)).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err(Fault::silence(patience)),
        };
        opened.inspect_err(|fault| client.note(seat, fault))
    }

    async fn open_at(client: &Client, seat: Seat, subject: Subject) -> Result<Self, Fault> {
        let token = client.token(None, client.members.calls(seat)).await?;
        let (mut requests, sent) = mpsc::channel(1);
        let create = RequestUnion::CreateRequest(WatchCreateRequest {
            key: subject.key,
            range_end: subject.range_end,
            start_revision: subject.start,
            progress_notify: true,
            fragment: true,
        });
        send(&mut requests, create);
        let mut watch =
            WatchClient::new(client.members.watches(seat)).max_decoding_message_size(MAX_ANSWER);
        let answers = watch.watch(with_metadata(sent, token.as_ref())).await?;
        let mut line = Self {
            seat,
            requests,
            answers: answers.into_inner(),
            asked: false,
        };
        let answer = line.next().await?;
        if answer.created && !answer.canceled {
            client.members.answered(seat);
            return Ok(line);
        }
        Err(Fault::new(Kind::Refused, Ended(answer.cancel_reason)))
    }

    pub(super) fn seat(&self) -> Seat {
        self.seat
    }

    /// What the member says next, sooner or later.
    pub(super) async fn next(&mut self) -> Result<WatchResponse, Fault> {
        loop {
            let answer = match time::timeout(SILENCE, self.answers.message()).await {
                Ok(answer) => answer?,
                Err(_elapsed) if self.asked => return Err(Fault::silence(SILENCE)),
                Err(_elapsed) => {
                    self.asked = true;
                    let progress = RequestUnion::ProgressRequest(WatchProgressRequest {});
                    send(&mut self.requests, progress);
                    continue;
                }
            };
            self.asked = false;
            match answer {
                // Its revision is no bookmark: etcd 3.4 may tell of it ahead of changes that are still to come.
                Some(answer) if answer.watch_id == NO_WATCH => {}
                Some(answer) => return Ok(answer),
                None => return Err(Fault::new(Kind::Unclear, Ended("no reason".to_owned()))),
            }
        }
    }
}

fn send(requests: &mut mpsc::Sender<WatchRequest>, request: RequestUnion) {
    let request = WatchRequest {
        request_union: Some(request),
    };
    // It is full or closed when the member does not read, which shows soon enough.
    let _unsent = requests.try_send(request);
}
