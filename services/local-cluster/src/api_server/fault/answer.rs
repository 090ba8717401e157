//! What becomes of the answers to reviews: a layer around the API.

use std::{convert::Infallible, future};

use super::{Fault, Faults, connection::Connections, forge::Forgery};
use crate::api_server::{
    failure::{Failure, GroupResource},
    user::User,
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::{self, Next},
    response::{Html, IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use http::{
    StatusCode,
    header::{CONTENT_LENGTH, RETRY_AFTER},
};
use runtime::CancellationToken;
use serde_json::json;

/// The longest answer that is spoilt. An answer to a review is a few KiB.
const LIMIT: usize = 1024 * 1024;

/// What a review is asked for.
const REVIEWS: [GroupResource<'_>; 3] = [
    GroupResource {
        group: "authentication.k8s.io",
        resource: "tokenreviews",
    },
    GroupResource {
        group: "authorization.k8s.io",
        resource: "selfsubjectaccessreviews",
    },
    GroupResource {
        group: "authorization.k8s.io",
        resource: "subjectaccessreviews",
    },
];

/// What is needed to spoil an answer.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    pub(super) faults: Faults,
    /// How the connection was accepted.
    pub(super) connections: Connections,
    /// Cancelled when the API server is to stop.
    pub(super) stop: CancellationToken,
    /// Cuts the connection. Whoever serves it listens.
    pub(super) cut: CancellationToken,
}

/// Spoils the answers of `router`, as the fault of the moment has it.
pub(super) fn layer(router: Router, breaker: Breaker) -> Router {
    router.layer(middleware::from_fn_with_state(breaker, answer))
}

async fn answer(State(breaker): State<Breaker>, request: Request, next: Next) -> Response {
    let fault = breaker.faults.now();
    if Connections::under(fault) != breaker.connections {
        // The connection is of a time that is over, and about to be closed. Its last call must not go through meanwhile.
        return future::pending().await;
    }
    let path = request.uri().path();
    let review = REVIEWS.into_iter().find(|review| review.is_at(path));
    match (fault, review) {
        (Some(fault), Some(review)) => breaker.spoil(fault, review, request, next).await,
        (None, _) | (_, None) => next.run(request).await,
    }
}

// === impl Breaker ===

impl Breaker {
    /// The same for a connection that can be cut alone.
    pub(super) fn of_one_connection(&self) -> Self {
        Self {
            cut: CancellationToken::new(),
            ..self.clone()
        }
    }

    async fn spoil(
        self,
        fault: Fault,
        review: GroupResource<'_>,
        request: Request,
        next: Next,
    ) -> Response {
        match fault {
            Fault::Hung => {
                self.over(fault).await;
                next.run(request).await
            }
            Fault::HungInBody => {
                let whole = next.run(request).await;
                halved(whole, async move { self.over(fault).await }).await
            }
            Fault::Reset => {
                let whole = next.run(request).await;
                let cut = async move {
                    self.cut.cancel();
                    future::pending().await
                };
                halved(whole, cut).await
            }
            Fault::Status401 => Failure::unauthorized().into_response(),
            Fault::Status403 => forbidden(review).into_response(),
            Fault::Status404 => Failure::no_such_resource().into_response(),
            Fault::Status409 => {
                let why = "the object has been modified; please apply your changes to the latest version and try again";
                Failure::conflict(review, "", why).into_response()
            }
            Fault::Status429 => too_many_requests(),
            Fault::Status500 => Failure::internal("etcdserver: request timed out").into_response(),
            Fault::Status503 => Failure::unavailable().into_response(),
            Fault::EmptyBody => StatusCode::CREATED.into_response(),
            Fault::NotJson => Html("<!doctype html><title>It works</title>\n").into_response(),
            Fault::AnotherKind => another_kind(),
            Fault::NoUser => forged(next.run(request).await, Forgery::without("user")).await,
            Fault::NoAudiences => {
                forged(next.run(request).await, Forgery::without("audiences")).await
            }
            Fault::ForeignAudiences => {
                let audiences = Forgery::with("audiences", json!(["somebody-else"]));
                forged(next.run(request).await, audiences).await
            }
            Fault::NoServiceAccount => {
                let user = Forgery::with("user", User::admin().to_json());
                forged(next.run(request).await, user).await
            }
            Fault::WithError => {
                let error = Forgery::with("error", "invalid bearer token".into());
                forged(next.run(request).await, error).await
            }
            Fault::Stopped | Fault::AnotherCa | Fault::ClockAhead | Fault::ClockBehind => {
                next.run(request).await
            }
        }
    }

    /// Waits until the fault is over. A server that stops waits for nothing.
    async fn over(&self, fault: Fault) {
        self.stop.run_until_cancelled(self.faults.over(fault)).await;
    }
}

// === impl GroupResource ===

impl GroupResource<'_> {
    fn is_at(&self, path: &str) -> bool {
        let rest = path.strip_prefix("/apis/");
        let rest = rest.and_then(|rest| rest.strip_prefix(self.group));
        let rest = rest.and_then(|rest| rest.strip_prefix("/v1/"));
        rest == Some(self.resource)
    }
}

async fn forged(genuine: Response, forgery: Forgery) -> Response {
    let (mut parts, body) = read(genuine).await;
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(forgery.apply(body)))
}

/// An answer whose second half comes only after `wait`.
async fn halved(whole: Response, wait: impl Future<Output = ()> + Send + 'static) -> Response {
    let (mut parts, mut first) = read(whole).await;
    let rest = first.split_off(first.len() / 2);
    parts.headers.remove(CONTENT_LENGTH);
    let rest = async move {
        wait.await;
        rest
    };
    let halves = stream::once(future::ready(first)).chain(stream::once(rest));
    Response::from_parts(parts, Body::from_stream(halves.map(Ok::<_, Infallible>)))
}

async fn read(answer: Response) -> (http::response::Parts, Bytes) {
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, LIMIT).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "Cannot read an answer in order to spoil it");
        Bytes::new()
    });
    (parts, body)
}

fn forbidden(review: GroupResource<'_>) -> Failure {
    let GroupResource { group, resource } = review;
    let who = User::anonymous().username;
    let why = format!(
        r#"User "{who}" cannot create resource "{resource}" in API group "{group}" at the cluster scope"#
    );
    Failure::forbidden(review, "", &why)
}

/// The one refusal that an API server does not word as a `Status`.
fn too_many_requests() -> Response {
    let text = "Too many requests, please try again later.\n";
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")], text).into_response()
}

fn another_kind() -> Response {
    let list = json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [] });
    (StatusCode::CREATED, axum::Json(list)).into_response()
}
