//! Ready as long as Kubernetes answers our reviews.

use runtime::Condition;
use tonic_kube_auth::{Standing, TokenReviewer};

/// Keeps asking Kubernetes how we stand, and tells readiness.
pub(crate) async fn follow(reviewer: TokenReviewer, condition: Condition) {
    let mut standing = reviewer.standing();
    let report = async {
        loop {
            match &*standing.borrow_and_update() {
                Standing::Unknown => (),
                Standing::Good => condition.holds(),
                Standing::Unavailable { why } | Standing::Misconfigured { why } => {
                    condition.fails(why.as_str())
                }
            }
            if standing.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reviewer.keep_standing() => (),
        () = report => (),
    }
}
