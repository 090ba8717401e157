//! Ready as long as Kubernetes answers our reviews.

use std::time::Duration;

use runtime::Condition;
use tokio::time;
use tonic_kube_auth::{Standing, TokenReviewer};

/// How often to ask, when no review has shown anything else meanwhile.
const INTERVAL: Duration = Duration::from_secs(5);

/// How often to ask while Kubernetes does not answer.
const UNWELL_INTERVAL: Duration = Duration::from_secs(1);

/// Asks Kubernetes how we stand, at the start and now and then, and tells readiness. A review that fails meanwhile counts at once.
pub(crate) async fn follow(reviewer: TokenReviewer, condition: Condition) {
    let mut standing = reviewer.standing();
    loop {
        let wait = match &*standing.borrow_and_update() {
            Standing::Unknown => Duration::ZERO,
            Standing::Good => {
                condition.holds();
                INTERVAL
            }
            Standing::Unavailable { why } | Standing::Misconfigured { why } => {
                condition.fails(why.as_str());
                UNWELL_INTERVAL
            }
        };
        // `reviewer` is a sender, so that a change never fails to come.
        if time::timeout(wait, standing.changed()).await.is_err() {
            reviewer.check_standing().await;
        }
    }
}
