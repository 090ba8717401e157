//! One handler for every request: who, what, may they, and then which answer.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header::CONTENT_TYPE};
use runtime::CancellationToken;
use serde_json::{Value, json};

use super::{
    body::read,
    discovery,
    request_info::{RequestInfo, ResourceInfo},
};
use crate::api_server::{
    access_review,
    authenticate::authenticate,
    cluster::{Cluster, ISSUER},
    failure::Failure,
    objects::kind::{Kind, SERVICE_ACCOUNT},
    rbac, review,
    token_request::{self, Asked, SHORTEST},
    user::User,
};

/// What every answer may need.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) cluster: Cluster,
    /// Where clients reach us; the OIDC discovery document tells it.
    address: SocketAddr,
    /// Cancelled when watches are to end.
    pub(super) stop: CancellationToken,
}

/// All of the API, at `address`.
pub(crate) fn router(cluster: Cluster, address: SocketAddr, stop: CancellationToken) -> Router {
    let api = Api {
        cluster,
        address,
        stop,
    };
    Router::new().fallback(handle).with_state(api)
}

async fn handle(State(api): State<Api>, request: Request) -> Response {
    api.answer(request)
        .await
        .unwrap_or_else(Failure::into_response)
}

// === impl Api ===

impl Api {
    async fn answer(self, request: Request) -> Result<Response, Failure> {
        let caller = authenticate(&self.cluster, request.headers())?;
        let info = RequestInfo::of(&request);
        rbac::require(self.cluster.objects(), &caller, &info.attempt())?;
        tracing::debug!(
            user = caller.username,
            verb = info.verb,
            path = info.path,
            "Request"
        );
        match &info.resource {
            None => self.answer_path(&info),
            Some(resource) => {
                self.answer_resource(&caller, &info, resource, request)
                    .await
            }
        }
    }

    fn answer_path(&self, info: &RequestInfo) -> Result<Response, Failure> {
        let answer = match info.path.trim_end_matches('/') {
            "/healthz" | "/livez" | "/readyz" => "ok".into_response(),
            "/version" => Json(discovery::version()).into_response(),
            "/api" => Json(discovery::core_versions(self.address)).into_response(),
            "/apis" => Json(discovery::groups()).into_response(),
            "/.well-known/openid-configuration" => {
                Json(self.openid_configuration()).into_response()
            }
            "/openid/v1/jwks" => {
                let content_type = [(CONTENT_TYPE, "application/jwk-set+json")];
                (content_type, self.cluster.keys().to_jwks().to_string()).into_response()
            }
            path => match discovery::resources(path) {
                Some(resources) => Json(resources).into_response(),
                None => return Err(Failure::no_such_resource()),
            },
        };
        match info.verb {
            "get" | "head" => Ok(answer),
            _ => Err(Failure::method_not_allowed()),
        }
    }

    async fn answer_resource(
        &self,
        caller: &User,
        info: &RequestInfo,
        resource: &ResourceInfo,
        request: Request,
    ) -> Result<Response, Failure> {
        let objects = self.cluster.objects();
        if resource.version != "v1" {
            return Err(Failure::no_such_resource());
        }
        match (resource.group.as_str(), resource.whole_resource().as_str()) {
            ("authentication.k8s.io", "tokenreviews") => {
                let body = read(info, request, "TokenReview").await?;
                created(&review::answer(&self.cluster, &body)?)
            }
            ("authentication.k8s.io", "selfsubjectreviews") => {
                let body = read(info, request, "SelfSubjectReview").await?;
                created(&access_review::who_am_i(&self.cluster, &body, caller))
            }
            ("authorization.k8s.io", "subjectaccessreviews") => {
                let body = read(info, request, "SubjectAccessReview").await?;
                created(&access_review::of_subject(objects, &body)?)
            }
            ("authorization.k8s.io", "selfsubjectaccessreviews") => {
                let body = read(info, request, "SelfSubjectAccessReview").await?;
                created(&access_review::of_self(objects, &body, caller)?)
            }
            ("", "serviceaccounts/token") => {
                let body = read(info, request, "TokenRequest").await?;
                let asked = Asked {
                    namespace: &resource.namespace,
                    account: &resource.name,
                    body: &body,
                    shortest: SHORTEST,
                };
                objects.require(&SERVICE_ACCOUNT, asked.namespace, asked.account)?;
                created(&token_request::answer(&self.cluster, caller, asked)?)
            }
            (group, plural) => match Kind::of_resource(group, plural) {
                Some(kind) => self.answer_kind(kind, info, resource, request).await,
                None => Err(Failure::no_such_resource()),
            },
        }
    }

    fn openid_configuration(&self) -> Value {
        json!({
            "issuer": ISSUER,
            "jwks_uri": format!("https://{}/openid/v1/jwks", self.address),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    }
}

pub(super) fn created(answer: &Value) -> Result<Response, Failure> {
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}
