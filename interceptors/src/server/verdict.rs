//! One log line a verdict: who asked for what, and what became of it.

use http::request::Parts;

use crate::{Identity, Refusal};

/// The longest method that is logged. Ours are shorter; a path is the caller's to choose, and costs it nothing.
const MAX_METHOD: usize = 128;

/// Logs what was decided. `found` is who the token belongs to, as far as that became known.
pub(crate) fn log(request: &Parts, found: Option<&Identity>, refusal: Option<&Refusal>) {
    let path = request.uri.path().trim_start_matches('/');
    // A path that is not ASCII and would be cut inside a character is no method of anybody's.
    let method = path.get(..MAX_METHOD.min(path.len())).unwrap_or_default();
    let username = found.map(|identity| identity.username.as_str());
    let uid = found.map(|identity| identity.uid.as_str());
    let groups = found.map(|identity| tracing::field::debug(&identity.groups));
    let audiences = found.map(|identity| tracing::field::debug(&identity.audiences));
    let pod = found.and_then(Identity::pod).map(|pod| pod.name);
    match refusal {
        None => {
            tracing::info!(
                method,
                outcome = "ADMITTED",
                username,
                uid,
                groups,
                audiences,
                pod,
                "Caller admitted"
            );
        }
        Some(refusal) => {
            let outcome = refusal.reason().unwrap_or("DEADLINE_EXCEEDED");
            tracing::info!(
                method,
                outcome,
                username,
                uid,
                groups,
                audiences,
                pod,
                "Caller refused"
            );
        }
    }
}
