//! What every request meets first, in either face: it gets a name, a deadline and a place among those under way; and on its way out, the
//! body of a refusal.
//!
//! ```text
//! request ─ x-request-id ─ deadline, trace ─▶ routes ─ a place, or 503 ─▶ gateway or gRPC
//!                                          ◀─ a refusal? in JSON, with the id ◀─
//! ```

mod places;
mod request_id;

use std::net::IpAddr;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::time;
use tonic::{Status, transport::server::TcpConnectInfo};
use tonic_kube_auth::Refusal;
use tracing::Instrument as _;

pub(crate) use self::{
    places::{Place, Places},
    request_id::RequestId,
};
use crate::{
    error::{self, HttpError},
    held::Held,
    passing::Passing,
};

/// Marks an answer that goes on for as long as its caller listens. It keeps no place; there is a limit of its own on those.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endless;

/// Lets a request in, and its answer out.
pub(crate) async fn pass(request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let span = tracing::info_span!("request", %id);
    let is_grpc = runtime::is_grpc(request.headers());
    let answer = async {
        match answer(request, next).await {
            Ok(answer) => answer,
            Err(status) => refuse(is_grpc, status),
        }
    };
    let mut answer = answer.instrument(span).await;
    if !is_grpc && let Some(refusal) = refusal(&mut answer) {
        answer = refusal.write(answer, &id);
    }
    answer.headers_mut().insert(request_id::NAME, id.into());
    answer
}

/// Lets in what there is a place for: from its head to the last byte of its answer, unless that is endless.
pub(crate) async fn place(
    State(places): State<Places>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(place) = places.take(peer(&request)) else {
        let is_grpc = runtime::is_grpc(request.headers());
        return refuse(
            is_grpc,
            error::overloaded("too many requests are under way"),
        );
    };
    if let Some(passing) = request.extensions_mut().get_mut::<Passing>() {
        passing.place = Some(place.clone());
    }
    let answer = next.run(request).await;
    if answer.extensions().get::<Endless>().is_some() {
        return answer;
    }
    answer.map(|body| Body::new(Held::new(body, place)))
}

/// The answer, by the deadline that the request names, if it names one.
async fn answer(mut request: Request, next: Next) -> Result<Response, Status> {
    let mut passing = Passing::of(request.headers())?;
    passing.peer = peer(&request);
    let deadline = passing.deadline;
    request.extensions_mut().insert(passing);
    let answer = next.run(request);
    let Some(deadline) = deadline else {
        return Ok(answer.await);
    };
    let answer = time::timeout_at(deadline, answer).await;
    answer.map_err(|_elapsed| error::deadline_passed())
}

/// The machine that a request comes from, or the last one on its way.
fn peer(request: &Request) -> Option<IpAddr> {
    let connection = request.extensions().get::<TcpConnectInfo>()?;
    connection.remote_addr().map(|addr| addr.ip())
}

fn refuse(is_grpc: bool, status: Status) -> Response {
    if is_grpc {
        return status.into_http();
    }
    HttpError::from(status).into_response()
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
