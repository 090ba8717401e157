//! Fills one volume: requests its tokens, and writes them.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{
    source::{TokenSource, Volume},
    swap::{self, Files},
    task::{Kubelet, ProjectionError, VolumeId},
};
use crate::api_server::{
    failure::Failure,
    rfc3339, text,
    token_request::{self, Asked},
    user::User,
};
use crate::files::blocking;

// === impl Kubelet ===

impl Kubelet {
    /// Writes a volume; returns how long the shortest-lived token in it lives.
    pub(super) async fn project(
        &self,
        id: &VolumeId,
        pod: &Value,
        volume: &Volume,
    ) -> Result<Option<Duration>, ProjectionError> {
        let mut files = Files::new();
        let mut shortest: Option<Duration> = None;
        for source in &volume.tokens {
            let (token, life) =
                self.request(pod, source)
                    .map_err(|failure| ProjectionError::Token {
                        path: self.folder(id),
                        failure,
                    })?;
            files.insert(source.path.clone(), token.into_bytes());
            shortest = Some(shortest.map_or(life, |known| known.min(life)));
        }
        for path in &volume.ca_certificates {
            files.insert(
                path.clone(),
                self.config.ca_certificate.clone().into_bytes(),
            );
        }
        for path in &volume.namespaces {
            files.insert(path.clone(), id.namespace.clone().into_bytes());
        }
        let folder = self.folder(id);
        let stamp = rfc3339(self.cluster.clock().now());
        blocking(move || swap::write(&folder, &files, &stamp)).await?;
        tracing::debug!(volume = %id, "Filled a volume");
        Ok(shortest)
    }

    /// Asks for a token as a node does.
    fn request(&self, pod: &Value, source: &TokenSource) -> Result<(String, Duration), Failure> {
        let metadata = &pod["metadata"];
        let is_for_api_server = ["", self.cluster.issuer()].contains(&source.audience.as_str());
        let seconds = match self.config.token_lifetime {
            Some(lifetime) if !is_for_api_server => {
                i64::try_from(lifetime.as_secs().max(1)).unwrap_or(i64::MAX)
            }
            _ => source.seconds,
        };
        let audiences = if source.audience.is_empty() {
            json!([])
        } else {
            json!([source.audience])
        };
        let body = json!({ "spec": {
            "audiences": audiences,
            "expirationSeconds": seconds,
            "boundObjectRef": {
                "kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"],
            },
        } });
        let asked = Asked {
            namespace: text(&metadata["namespace"]),
            account: text(&pod["spec"]["serviceAccountName"]),
            body: &body,
            shortest: 1,
        };
        let answer = token_request::answer(&self.cluster, &User::node(&self.config.node), asked)?;
        let token = text(&answer["status"]["token"]).to_owned();
        // Times in tokens are whole seconds, rounded down: a token's life began a fraction of one ago.
        let now = self.cluster.clock().now().duration_since(UNIX_EPOCH);
        let rounded = Duration::from_nanos(now.unwrap_or_default().subsec_nanos().into());
        let life = Duration::from_secs(seconds.unsigned_abs());
        Ok((token, life.saturating_sub(rounded)))
    }
}
