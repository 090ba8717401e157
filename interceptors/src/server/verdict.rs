//! One log line a verdict: who asked for what, and what became of it.

use http::request::Parts;
use tracing::{Value, field};

use crate::{Identity, Refusal};

/// The longest method that is logged. Ours are shorter; a path is the caller's to choose, and costs it nothing.
const MAX_METHOD: usize = 128;

/// Logs what was decided. `found` is who the token belongs to, as far as that became known.
pub(crate) fn log(request: &Parts, found: Option<&Identity>, refusal: Option<&Refusal>) {
    let path = request.uri.path().trim_start_matches('/');
    // A path that is not ASCII and would be cut inside a character is no method of anybody's.
    let method = path.get(..MAX_METHOD.min(path.len())).unwrap_or_default();
    match refusal {
        None => tracing::info!(
            method,
            outcome = "ADMITTED",
            username = found.map(Identity::username),
            uid = found.map(Identity::uid),
            groups = found.map(groups),
            audiences = found.map(audiences),
            pod = found.and_then(Identity::pod).map(|pod| pod.name),
            "Caller admitted"
        ),
        Some(refusal) => tracing::info!(
            method,
            outcome = refusal.reason().unwrap_or("DEADLINE_EXCEEDED"),
            username = found.map(Identity::username),
            uid = found.map(Identity::uid),
            groups = found.map(groups),
            audiences = found.map(audiences),
            pod = found.and_then(Identity::pod).map(|pod| pod.name),
            "Caller refused"
        ),
    }
}

fn groups(identity: &Identity) -> impl Value {
    field::debug(identity.groups().collect::<Vec<_>>())
}

fn audiences(identity: &Identity) -> impl Value {
    field::debug(identity.audiences().collect::<Vec<_>>())
}
