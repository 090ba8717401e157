//! Asks Kubernetes whose token it is.

pub(crate) mod answer;

use std::{fmt, time::Duration};

use serde_json::json;
use tokio::{
    sync::watch,
    time::{self, Instant},
};

use crate::{
    Audience, Authenticate, Refusal, ServerMetrics, Standing, Token, UnverifiedClaims, UserInfo,
    authn::{
        kubernetes::{AskError, Kubernetes},
        standing::Standings,
    },
    metrics::server::ReviewResult,
};

const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const SELF_SUBJECT_ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// How long Kubernetes may take over one review. A healthy API server needs milliseconds.
const DEADLINE: Duration = Duration::from_secs(3);

/// How often to check how we stand when all is well, and how often at most.
const CHECK_INTERVAL: Duration = Duration::from_secs(4);
const MIN_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What is reviewed to see whether reviews are answered. It is refused, and that is an answer.
const NOBODYS_TOKEN: &str = "nobodys-token";

/// Asks the Kubernetes API with a TokenReview whether a token is genuine and meant for our audience.
///
/// It asks once for each call of [`Authenticate::authenticate`], and never again by itself: no retry hides behind it. Dropping the future
/// gives the review up.
#[derive(Clone)]
pub struct TokenReviewer {
    kubernetes: Kubernetes,
    audience: Audience,
    standings: Standings,
    metrics: ServerMetrics,
}

/// Why the Kubernetes API must not, or cannot, be asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It is not reached over TLS.
    #[error(
        "the Kubernetes API is not at an https address: callers' tokens would travel in plaintext, and anybody could answer"
    )]
    Plaintext,
    /// Its certificate is not checked.
    #[error(
        "insecure-skip-tls-verify is set: anybody could answer in the place of the Kubernetes API; give its certificate-authority"
    )]
    Unverified,
    /// The configuration cannot be used.
    #[error(transparent)]
    Client(kube::Error),
}

// === impl TokenReviewer ===

impl TokenReviewer {
    /// Asks through `client`, within three seconds.
    ///
    /// The client should not retry by itself; [`TokenReviewer::connect`] makes one that does not.
    #[must_use]
    pub fn new(client: kube::Client, audience: Audience) -> Self {
        Self {
            kubernetes: Kubernetes::new(client, DEADLINE),
            audience,
            standings: Standings::new(),
            metrics: ServerMetrics::default(),
        }
    }

    /// Makes a client that has deadlines and no hidden retries, and asks through it. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Plaintext`] and [`ConnectError::Unverified`] when callers' tokens would go to somebody who may not be Kubernetes;
    /// [`ConnectError::Client`] when `config` names certificates or credentials that cannot be used.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn connect(mut config: kube::Config, audience: Audience) -> Result<Self, ConnectError> {
        if config.accept_invalid_certs {
            return Err(ConnectError::Unverified);
        }
        if config.cluster_url.scheme_str() != Some("https") {
            return Err(ConnectError::Plaintext);
        }
        config.default_retry = false;
        // A connection in the making outlives the question that asked for it. Nothing else does: a question that is given up takes its
        // HTTP/1.1 connection with it. So there is no timeout for reading, which would close the idle connections in the pool as well.
        config.connect_timeout = Some(DEADLINE);
        config.read_timeout = None;
        let client = kube::Client::try_from(config).map_err(ConnectError::Client)?;
        Ok(Self::new(client, audience))
    }

    /// Gives Kubernetes so long for one review.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.kubernetes = self.kubernetes.with_deadline(deadline);
        self
    }

    /// Counts in `metrics` how long Kubernetes takes, and what comes of it.
    #[must_use]
    pub fn with_metrics(mut self, metrics: ServerMetrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// How we stand with Kubernetes, as of the last review or check; it changes when that does.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standings.subscribe()
    }

    /// Asks Kubernetes how we stand, and notes the answer in [`TokenReviewer::standing`].
    ///
    /// It asks whether we may review tokens (SelfSubjectAccessReview). When a review has failed since the last one that was answered, that
    /// is not enough: then it also has a token reviewed that nobody has.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped, nothing is noted.
    pub async fn check_standing(&self) -> Standing {
        let failure = self.check().await.err();
        self.standings.note_check(failure.as_ref())
    }

    /// Keeps the standing true, for ever: checks it at the start, now and then, and as soon as a review fails.
    pub async fn keep_standing(&self) {
        loop {
            let wait = match self.check_standing().await {
                Standing::Good => CHECK_INTERVAL,
                Standing::Unknown
                | Standing::Unavailable { .. }
                | Standing::Misconfigured { .. } => Duration::ZERO,
            };
            // However many reviews fail, one check a second is enough.
            time::sleep(MIN_CHECK_INTERVAL).await;
            let _either_way = time::timeout(wait, self.standings.doubted()).await;
        }
    }

    async fn check(&self) -> Result<(), AskError> {
        let question = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"group": "authentication.k8s.io", "resource": "tokenreviews", "verb": "create"}},
        });
        let answer = self
            .kubernetes
            .ask(SELF_SUBJECT_ACCESS_REVIEWS, &question)
            .await?;
        if !answer::read_access(&answer)? {
            return Err(AskError::NotAllowed);
        }
        if self.standings.is_in_doubt() {
            self.review(NOBODYS_TOKEN).await?;
        }
        Ok(())
    }

    async fn review(&self, token: &str) -> Result<answer::Review, AskError> {
        let question = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self.audience.as_str()]},
        });
        answer::read_review(&self.kubernetes.ask(TOKEN_REVIEWS, &question).await?)
    }
}

impl Authenticate for TokenReviewer {
    async fn authenticate(&self, token: &Token) -> Result<UserInfo, Refusal> {
        let began = Instant::now();
        let review = self.review(token.expose()).await;
        let result = match &review {
            Ok(answer::Review::Genuine(_)) => ReviewResult::Genuine,
            Ok(answer::Review::Refused(_)) => ReviewResult::Refused,
            Err(error) => error.result(),
        };
        self.metrics.reviewed(result, began.elapsed());
        self.standings.note_review(review.as_ref().err());
        let review = review.map_err(|error| error.refusal())?;

        // Kubernetes has seen the token now: when it calls it genuine, the signature covers what the token says of its expiry.
        let expires_at = UnverifiedClaims::read(token)
            .ok()
            .and_then(|claims| claims.expires_at);
        match review {
            answer::Review::Genuine(user) => Ok(UserInfo { expires_at, ..user }),
            answer::Review::Refused(why) => {
                tracing::debug!(why, "Kubernetes refuses a token");
                Err(answer::classify(&why, &self.audience, expires_at))
            }
        }
    }
}

impl fmt::Debug for TokenReviewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReviewer")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
