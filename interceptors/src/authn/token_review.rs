//! Asks Kubernetes whose token it is.

mod answer;

use std::{fmt, sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::{Semaphore, watch};

use crate::{
    Audience, Authenticate, Identity, Refusal, Standing, Token, UnverifiedClaims,
    authn::{
        kubernetes::{AskError, Kubernetes},
        standing::Standings,
    },
};

const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const SELF_SUBJECT_ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// How long Kubernetes may take over one review. A healthy API server needs milliseconds.
const DEADLINE: Duration = Duration::from_secs(3);

/// How many reviews may be under way at once.
const MAX_IN_FLIGHT: usize = 64;

/// Asks the Kubernetes API with a TokenReview whether a token is genuine and meant for our audience.
///
/// It asks once for each call of [`Authenticate::authenticate`], and never again by itself: no retry hides behind it. Dropping the future
/// gives the review up.
#[derive(Clone)]
pub struct TokenReviewer {
    kubernetes: Kubernetes,
    audience: Audience,
    in_flight: Arc<Semaphore>,
    standings: Standings,
}

// === impl TokenReviewer ===

impl TokenReviewer {
    /// Asks through `client`, within three seconds, at most 64 reviews at once.
    ///
    /// The client should not retry by itself; [`TokenReviewer::connect`] makes one that does not.
    #[must_use]
    pub fn new(client: kube::Client, audience: Audience) -> Self {
        Self {
            kubernetes: Kubernetes::new(client, DEADLINE),
            audience,
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            standings: Standings::new(),
        }
    }

    /// Makes a client that has deadlines and no hidden retries, and asks through it. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When `config` names certificates or credentials that cannot be used.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn connect(mut config: kube::Config, audience: Audience) -> Result<Self, kube::Error> {
        config.default_retry = false;
        // A connection in the making outlives the question that asked for it. Nothing else does: a question that is given up takes its
        // HTTP/1.1 connection with it. So there is no timeout for reading, which would close the idle connections in the pool as well.
        config.connect_timeout = Some(DEADLINE);
        config.read_timeout = None;
        Ok(Self::new(kube::Client::try_from(config)?, audience))
    }

    /// Gives Kubernetes so long for one review.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.kubernetes = self.kubernetes.with_deadline(deadline);
        self
    }

    /// Lets so many reviews be under way at once. Further ones are refused as [`Refusal::Overloaded`], not queued.
    #[must_use]
    pub fn with_max_in_flight(mut self, reviews: usize) -> Self {
        self.in_flight = Arc::new(Semaphore::new(reviews));
        self
    }

    /// How we stand with Kubernetes, as of the last review or check; it changes when that does.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standings.subscribe()
    }

    /// Asks Kubernetes whether we may review tokens (SelfSubjectAccessReview), and notes the answer in [`TokenReviewer::standing`].
    ///
    /// # Cancel safety
    ///
    /// When it is dropped, nothing is noted.
    pub async fn check_standing(&self) -> Standing {
        let question = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"group": "authentication.k8s.io", "resource": "tokenreviews", "verb": "create"}},
        });
        let answer = self
            .kubernetes
            .ask(SELF_SUBJECT_ACCESS_REVIEWS, &question)
            .await;
        match answer.and_then(|body| answer::read_access(&body)) {
            Ok(true) => self.standings.note_good(),
            Ok(false) => self.standings.note(&AskError::NotAllowed),
            Err(error) => self.standings.note(&error),
        }
    }

    async fn review(&self, token: &Token) -> Result<answer::Review, AskError> {
        let question = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token.expose(), "audiences": [self.audience.as_str()]},
        });
        answer::read_review(&self.kubernetes.ask(TOKEN_REVIEWS, &question).await?)
    }
}

impl Authenticate for TokenReviewer {
    async fn authenticate(&self, token: &Token) -> Result<Arc<Identity>, Refusal> {
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return Err(Refusal::Overloaded);
        };
        let review = match self.review(token).await {
            Ok(review) => review,
            Err(error) => {
                self.standings.note(&error);
                return Err(error.refusal());
            }
        };
        self.standings.note_good();

        // Kubernetes has seen the token now: when it calls it genuine, the signature covers what the token says of its expiry.
        let expires_at = UnverifiedClaims::read(token)
            .ok()
            .and_then(|claims| claims.expires_at);
        match review {
            answer::Review::Genuine(identity) => Ok(Arc::new(Identity {
                expires_at,
                ..identity
            })),
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
