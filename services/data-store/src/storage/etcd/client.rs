//! One call to etcd: within a deadline, at whichever member answers, and never twice if it writes.

use std::time::Duration;

use proto::etcd::{
    DeleteRangeRequest, DeleteRangeResponse, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
    kv_client::KvClient,
};
use tokio::time::{self, Instant};
use tonic::{Request, Response, Status, metadata::MetadataValue, transport::Channel};

use super::{
    fault::{Fault, Kind},
    login::{Login, Token},
    members::{Members, Seat},
};

/// How long one call may take in all. The api waits for five seconds.
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

/// How long a member may take over a read when others can be asked.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait after every member failed, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

/// The longest answer that is taken. It is refused by its length, before it is in memory.
pub(super) const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Calls etcd.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) members: Members,
    login: Option<Login>,
}

/// What a call may do to etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Reads,
    Writes,
}

/// How a call came to nothing so far.
#[derive(Default)]
struct Failures {
    count: usize,
    /// The token that was refused.
    refused: Option<Token>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(members: Members, login: Option<Login>) -> Self {
        Self { members, login }
    }

    pub(super) async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Fault> {
        self.range_before(deadline(), request).await
    }

    /// Reads as part of something that takes more than one call.
    pub(super) async fn range_before(
        &self,
        deadline: Instant,
        request: RangeRequest,
    ) -> Result<RangeResponse, Fault> {
        let method = async |mut client: KvClient<_>, request| client.range(request).await;
        self.call(Effect::Reads, deadline, request, method).await
    }

    pub(super) async fn txn(
        &self,
        deadline: Instant,
        request: TxnRequest,
    ) -> Result<TxnResponse, Fault> {
        let method = async |mut client: KvClient<_>, request| client.txn(request).await;
        self.call(Effect::Writes, deadline, request, method).await
    }

    pub(super) async fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, Fault> {
        let method = async |mut client: KvClient<_>, request| client.delete_range(request).await;
        self.call(Effect::Writes, deadline(), request, method).await
    }

    async fn call<Q, A, F>(
        &self,
        effect: Effect,
        deadline: Instant,
        message: Q,
        method: impl Fn(KvClient<Channel>, Request<Q>) -> F,
    ) -> Result<A, Fault>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut failures = Failures::default();
        loop {
            let seat = self.members.current();
            let left = deadline - Instant::now();
            let patience = match effect {
                Effect::Reads if self.members.count() > 1 => left.min(PATIENCE),
                Effect::Reads | Effect::Writes => left,
            };
            let mut begun = None;
            let attempt = async {
                let channel = self.members.calls(seat);
                let token = self
                    .token(failures.refused.as_ref(), channel.clone())
                    .await?;
                let token = &*begun.insert(token);
                let mut request = with_metadata(message.clone(), token.as_ref());
                request.set_timeout(patience);
                let client = KvClient::new(channel).max_decoding_message_size(MAX_ANSWER);
                Ok(method(client, request).await?.into_inner())
            };
            let fault = match time::timeout(patience, attempt).await {
                Ok(Ok(answer)) => {
                    self.members.answered(seat);
                    return Ok(answer);
                }
                Ok(Err(fault)) => fault,
                Err(_elapsed) => Fault::silence(patience),
            };
            self.note(seat, &fault);
            let may_repeat = match fault.kind {
                Kind::NotBegun => true,
                Kind::Token => failures.refused.is_none(),
                Kind::Unclear | Kind::Silent => effect == Effect::Reads || begun.is_none(),
                Kind::Compacted
                | Kind::Ahead
                | Kind::TooLong
                | Kind::TooLarge
                | Kind::Full
                | Kind::Refused => false,
            };
            if !may_repeat {
                return Err(fault);
            }
            if fault.kind == Kind::Token {
                // Without a user there is none to be refused.
                let Some(Some(token)) = begun else {
                    return Err(fault);
                };
                failures.refused = Some(token);
                continue;
            }
            let again = Instant::now() + failures.pause(self.members.count());
            if again >= deadline {
                return Err(fault);
            }
            time::sleep_until(again).await;
        }
    }

    /// The token to send, if we are anybody.
    pub(super) async fn token(
        &self,
        refused: Option<&Token>,
        channel: Channel,
    ) -> Result<Option<Token>, Fault> {
        match &self.login {
            Some(login) => login.token(refused, channel).await.map(Some),
            None => Ok(None),
        }
    }

    /// Turns to another member when it is the member that failed.
    pub(super) fn note(&self, seat: Seat, fault: &Fault) {
        if fault.kind.is_of_the_member() {
            self.members.leave(seat, fault.cause());
        }
        if fault.kind == Kind::Silent {
            self.members.hang_up(seat);
        }
    }
}

// === impl Failures ===

impl Failures {
    /// Counts one more and says how long to wait: not at all, until every member had its turn.
    fn pause(&mut self, members: usize) -> Duration {
        self.count += 1;
        if !self.count.is_multiple_of(members) {
            return Duration::ZERO;
        }
        let (least, most) = PAUSES;
        let rounds = u32::try_from(self.count / members).unwrap_or(u32::MAX);
        least.saturating_mul(rounds).min(most)
    }
}

/// When what begins now has to be over.
pub(super) fn deadline() -> Instant {
    Instant::now() + DEADLINE
}

/// A request for a member that has a leader, from us.
pub(super) fn with_metadata<Q>(message: Q, token: Option<&Token>) -> Request<Q> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("hasleader", MetadataValue::from_static("true"));
    if let Some(token) = token.and_then(Token::value) {
        metadata.insert("token", token.clone());
    }
    request
}
