//! What every request meets first, in either face: it gets a name, a deadline and a place among those under way; and on its way out, the
//! body of a refusal.
//!
//! ```text
//! request ─ x-request-id ─ deadline, trace ─ a place, or 503 ─▶ gateway or gRPC ─ a refusal? in JSON, with the id ─▶ x-request-id
//! ```

mod request_id;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic_kube_auth::Refusal;
use tracing::Instrument as _;

pub(crate) use self::request_id::RequestId;
use crate::{
    error::{self, HttpError},
    held::Held,
    passing::Passing,
};

/// How many requests may be under way at once: from their heads to the last byte of their answers, but for watches.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    places: Arc<Semaphore>,
}

/// Marks an answer that goes on for as long as its caller listens. It keeps no place; there is a limit of its own on those.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endless;

/// Lets a request in, and its answer out.
pub(crate) async fn pass(State(door): State<Door>, request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let span = tracing::info_span!("request", %id);
    let is_grpc = runtime::is_grpc(request.headers());
    let answer = async {
        match door.answer(request, next).await {
            Ok(answer) => answer,
            Err(status) if is_grpc => status.into_http(),
            Err(status) => HttpError::from(status).into_response(),
        }
    };
    let mut answer = answer.instrument(span).await;
    if !is_grpc && let Some(refusal) = refusal(&mut answer) {
        answer = refusal.write(answer, &id);
    }
    answer.headers_mut().insert(request_id::NAME, id.into());
    answer
}

/// What an answer refuses, if it does; it may have no body yet.
fn refusal(answer: &mut Response) -> Option<HttpError> {
    let extensions = answer.extensions_mut();
    let by_library =
        |refusal: Refusal| HttpError::with_status(refusal.http_status(), refusal.to_status());
    extensions
        .remove::<HttpError>()
        .or_else(|| extensions.remove().map(by_library))
}

// === impl Door ===

impl Door {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
        }
    }

    async fn answer(&self, mut request: Request, next: Next) -> Result<Response, Status> {
        let passing = Passing::of(request.headers())?;
        request.extensions_mut().insert(passing);
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_none_left| error::overloaded("too many requests are under way"))?;
        let answer = next.run(request).await;
        if answer.extensions().get::<Endless>().is_some() {
            return Ok(answer);
        }
        Ok(answer.map(|body| Body::new(Held::new(body, place))))
    }
}
