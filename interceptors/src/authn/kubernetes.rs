//! One question to the Kubernetes API and its answer, within a deadline.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use serde_json::Value;
use tokio::time;

use crate::{Refusal, metrics::server::ReviewResult};

/// An answer is a few KiB; whatever is longer is not one of Kubernetes'.
const MAX_ANSWER: usize = 1024 * 1024;

/// The Kubernetes API, asked politely: one attempt, one deadline over all of it.
///
/// It uses the client as a transport only. kube's typed calls would log an answer they cannot read, and with it the token it echoes.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    client: kube::Client,
    deadline: Duration,
}

/// Why a question has no usable answer. None of it is a caller's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    #[error("cannot reach the Kubernetes API")]
    Transport(#[source] kube::Error),
    #[error("the answer broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("Kubernetes answers {0}")]
    Status(StatusCode),
    #[error("the answer cannot be read as JSON: {0:?}")]
    NotJson(serde_json::error::Category),
    #[error("the answer means nothing: {0}")]
    Meaningless(&'static str),
    #[error(
        "Kubernetes does not know us (401): the token in KUBECONFIG or in /var/run/secrets/kubernetes.io/serviceaccount is missing, expired or \
         meant for another audience than the API server"
    )]
    Unknown,
    #[error(
        "Kubernetes does not let us review tokens (403): bind our service account to the ClusterRole system:auth-delegator, with kubectl \
         create clusterrolebinding NAME --clusterrole=system:auth-delegator --serviceaccount=NAMESPACE:NAME"
    )]
    NotAllowed,
}

// === impl Kubernetes ===

impl Kubernetes {
    pub(crate) fn new(client: kube::Client, deadline: Duration) -> Self {
        Self { client, deadline }
    }

    pub(crate) fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Posts a question, and returns the answer's body when Kubernetes gave one.
    pub(crate) async fn ask(
        &self,
        path: &'static str,
        question: &Value,
    ) -> Result<Bytes, AskError> {
        let answer = time::timeout(self.deadline, self.post(path, question)).await;
        answer.unwrap_or(Err(AskError::Deadline(self.deadline)))
    }

    async fn post(&self, path: &'static str, question: &Value) -> Result<Bytes, AskError> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Body::from(question.to_string().into_bytes()))
            .expect("a constant path and constant headers must make a request");
        let response = self
            .client
            .send(request)
            .await
            .map_err(AskError::Transport)?;
        match response.status() {
            StatusCode::OK | StatusCode::CREATED => (),
            StatusCode::UNAUTHORIZED => return Err(AskError::Unknown),
            StatusCode::FORBIDDEN => return Err(AskError::NotAllowed),
            status => return Err(AskError::Status(status)),
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await;
        Ok(body.map_err(AskError::Body)?.to_bytes())
    }
}

// === impl AskError ===

impl AskError {
    /// What the caller is told.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Unknown | Self::NotAllowed => Refusal::VerifierMisconfigured,
            Self::Deadline(_)
            | Self::Transport(_)
            | Self::Body(_)
            | Self::Status(_)
            | Self::NotJson(_)
            | Self::Meaningless(_) => Refusal::KubernetesUnavailable,
        }
    }

    /// What it is counted as.
    pub(crate) fn result(&self) -> ReviewResult {
        match self {
            Self::Deadline(_) => ReviewResult::Deadline,
            Self::Transport(_) => ReviewResult::Transport,
            Self::Body(_) => ReviewResult::BrokenOff,
            Self::Status(_) => ReviewResult::Status,
            Self::NotJson(_) => ReviewResult::NotJson,
            Self::Meaningless(_) => ReviewResult::Meaningless,
            Self::Unknown => ReviewResult::Unauthorized,
            Self::NotAllowed => ReviewResult::Forbidden,
        }
    }
}
