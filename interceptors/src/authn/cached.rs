//! Asks as little as can be: once for each token and life, whatever the load, and not at all where no answer could help.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::time::Instant;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use crate::{
    Audience, Authenticate, Clock, Identity, Refusal, ServerMetrics,
    authn::{
        fingerprint::{Fingerprint, Fingerprints},
        flight::Flights,
        limit::{Account, Limits},
        outage::Outage,
        screen::Screen,
        store::{Known, Lives, Store},
    },
    metrics::server::Lookup,
    server::bearer::Credential,
};

mod ask;

/// How long a proof counts unless told otherwise: as long as the API server itself remembers its verdicts.
const CACHE_TTL: Duration = Duration::from_secs(10);

/// How long a proven caller stays accepted while Kubernetes cannot be asked, unless told otherwise.
const OUTAGE_BUDGET: Duration = Duration::from_secs(60);

/// How many reviews may be under way. An API server does some 1,000 a second, in less than 60 ms each.
const MAX_REVIEWS_IN_FLIGHT: usize = 64;

/// An authenticator that is asked once for each token, and its answer remembered for a while.
///
/// - **A token known already** costs a keyed digest and little else: it is neither parsed nor copied, but once to renew its proof.
/// - **A proof** counts for the cache's time to live, 10 s by default, and never past the expiry of its token. Late in that time it is
///   renewed in the background, so that a steady caller never waits.
/// - **A refusal** counts for 2 s, in a space of its own. That nobody could be asked is never remembered.
/// - **However many** present one token at once, one question is asked, in a task of its own: a caller that hangs up fails nobody.
/// - **A token that no question could save** — not a JWT, expired, meant for somebody else — is refused without asking.
/// - **At most 64 questions** are under way by default. Of three quarters of them one machine gets no more than are left to the others; a
///   quarter is there for tokens that were proven before. What goes beyond is refused as [`Refusal::Overloaded`], not queued. A machine is
///   known by tonic's [`TcpConnectInfo`] in the request's extensions.
/// - **While Kubernetes cannot be asked**, a caller stays accepted for the outage budget after its last proof, 60 s by default, and never
///   past the expiry of its token. A "no" counts at once.
#[derive(Debug)]
pub struct Cached<A> {
    inner: Arc<A>,
    audience: Audience,
    clock: Clock,
    lives: Lives,
    outage: Arc<Outage>,
    screen: Screen,
    fingerprints: Fingerprints,
    store: Arc<Store>,
    flights: Flights<Outcome>,
    limits: Arc<Limits>,
    metrics: ServerMetrics,
}

/// Whose token it is, or why that cannot be said.
pub(crate) type Outcome = Result<Arc<Identity>, Refusal>;

/// What can be said of a token without asking.
#[derive(Debug)]
pub(crate) enum Recalled {
    Known(Outcome),
    Unknown(Question),
}

/// A question that must be asked before anything can be said of a token.
#[derive(Debug)]
pub(crate) struct Question {
    credential: Credential,
    key: Fingerprint,
    lookup: Lookup,
    account: Account,
}

// === impl Cached ===

impl<A: Authenticate> Cached<A> {
    /// Asks `inner`, and only about tokens that may be meant for `audience`.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness to give.
    #[must_use]
    pub fn new(inner: A, audience: Audience) -> Self {
        let lives = Lives {
            ttl: CACHE_TTL,
            outage_budget: OUTAGE_BUDGET,
        };
        let clock = Clock::system();
        Self {
            inner: Arc::new(inner),
            lives,
            outage: Arc::default(),
            screen: Screen::new(audience.clone(), clock.clone()),
            fingerprints: Fingerprints::new(&audience),
            store: Arc::new(Store::new(lives)),
            flights: Flights::new(),
            limits: Limits::new(MAX_REVIEWS_IN_FLIGHT),
            metrics: ServerMetrics::default(),
            audience,
            clock,
        }
    }

    /// Lets a proof count for so long; zero asks anew for every call.
    #[must_use]
    pub fn with_cache_ttl(self, ttl: Duration) -> Self {
        let outage_budget = self.lives.outage_budget;
        self.with_lives(Lives { ttl, outage_budget })
    }

    /// Keeps a proven caller accepted for so long after its last proof while Kubernetes cannot be asked; zero refuses it at once.
    #[must_use]
    pub fn with_outage_budget(self, outage_budget: Duration) -> Self {
        let ttl = self.lives.ttl;
        self.with_lives(Lives { ttl, outage_budget })
    }

    /// Lets so many questions be under way at once.
    #[must_use]
    pub fn with_max_reviews_in_flight(mut self, reviews: usize) -> Self {
        self.limits = Limits::new(reviews);
        self
    }

    /// Tells by another clock than the machine's when tokens expire.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.screen = Screen::new(self.audience.clone(), clock.clone());
        self.clock = clock;
        self
    }

    /// Counts what it does, and what is decided behind it, in `metrics`.
    #[must_use]
    pub fn with_metrics(mut self, metrics: ServerMetrics) -> Self {
        self.metrics = metrics;
        self
    }

    fn with_lives(mut self, lives: Lives) -> Self {
        self.lives = lives;
        self.store = Arc::new(Store::new(lives));
        self
    }

    /// Says what it knows of a token, without waiting. `extensions` are the request's.
    pub(crate) fn recall(&self, credential: Credential, extensions: &http::Extensions) -> Recalled {
        let key = self.fingerprints.of(credential.bytes());
        let now = Instant::now();
        let (lookup, account) = match self.store.look_up(&key, now) {
            Known::Fresh { identity, is_late } => {
                self.metrics.looked_up(Lookup::Hit);
                if is_late {
                    self.renew(key, &credential, now);
                }
                return Recalled::Known(Ok(identity));
            }
            Known::Refused(refusal) => {
                self.metrics.looked_up(Lookup::Hit);
                return Recalled::Known(Err(refusal));
            }
            Known::Old(identity) if self.outage.is_on(now) => {
                self.metrics.looked_up(Lookup::Expired);
                self.renew(key, &credential, now);
                return Recalled::Known(Ok(self.accept(identity)));
            }
            // Whoever was proven once asks for little: one question in a while for each token that was genuine.
            Known::Old(_) | Known::Dead => (Lookup::Expired, Account::Refresh),
            Known::Nothing => (Lookup::Miss, Account::Peer(peer(extensions))),
        };
        Recalled::Unknown(Question {
            credential,
            key,
            lookup,
            account,
        })
    }
}

impl<A> Cached<A> {
    pub(crate) fn audience(&self) -> &Audience {
        &self.audience
    }

    pub(crate) fn metrics(&self) -> &ServerMetrics {
        &self.metrics
    }
}

/// The machine that calls, as tonic's own server and others like it tell.
fn peer(extensions: &http::Extensions) -> Option<IpAddr> {
    let plain = || extensions.get::<TcpConnectInfo>()?.remote_addr();
    let tls = || {
        extensions
            .get::<TlsConnectInfo<TcpConnectInfo>>()?
            .get_ref()
            .remote_addr()
    };
    Some(plain().or_else(tls)?.ip())
}
