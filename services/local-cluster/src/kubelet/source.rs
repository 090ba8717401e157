//! What a pod wants projected: the sources of its volumes, and whether the kubelet can take them.

use serde_json::Value;

use crate::api_server::{failure::FieldProblem, go::quoted, objects::is_label, text};

/// What Kubernetes gives a source that names no lifetime.
const DEFAULT_SECONDS: i64 = 3600;

/// A projected volume, as far as the stand-in fills it.
#[derive(Debug, Default)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) tokens: Vec<TokenSource>,
    /// Paths that get the cluster's certificate authority.
    pub(super) ca_certificates: Vec<String>,
    /// Paths that get the pod's namespace.
    pub(super) namespaces: Vec<String>,
}

/// A `serviceAccountToken` source.
#[derive(Debug)]
pub(crate) struct TokenSource {
    /// Empty for the API server's own.
    pub(crate) audience: String,
    pub(super) seconds: i64,
    pub(super) path: String,
}

// === impl Volume ===

impl Volume {
    pub(super) fn all_of(pod: &Value) -> impl Iterator<Item = Self> {
        let projected =
            members(&pod["spec"]["volumes"]).filter(|volume| volume["projected"].is_object());
        projected.map(|volume| {
            let mut found = Self {
                name: text(&volume["name"]).to_owned(),
                ..Self::default()
            };
            for source in members(&volume["projected"]["sources"]) {
                found.add(source);
            }
            found
        })
    }

    fn add(&mut self, source: &Value) {
        let token = &source["serviceAccountToken"];
        if token.is_object() {
            self.tokens.push(TokenSource::of(token));
        }
        // The only two other sources of a kube-api-access volume; there are no config maps here to take more from.
        for item in members(&source["configMap"]["items"]).filter(|item| item["key"] == "ca.crt") {
            self.ca_certificates.push(text(&item["path"]).to_owned());
        }
        for item in members(&source["downwardAPI"]["items"]) {
            if item["fieldRef"]["fieldPath"] == "metadata.namespace" {
                self.namespaces.push(text(&item["path"]).to_owned());
            }
        }
    }
}

// === impl TokenSource ===

impl TokenSource {
    pub(crate) fn all_of(pod: &Value) -> impl Iterator<Item = Self> {
        Volume::all_of(pod).flat_map(|volume| volume.tokens)
    }

    fn of(source: &Value) -> Self {
        Self {
            audience: text(&source["audience"]).to_owned(),
            seconds: source["expirationSeconds"]
                .as_i64()
                .unwrap_or(DEFAULT_SECONDS),
            path: text(&source["path"]).to_owned(),
        }
    }
}

/// Checks that every file of a pod's projected volumes stays in its volume's folder.
pub(crate) fn check_volumes(pod: &Value) -> Result<(), FieldProblem> {
    for (index, volume) in members(&pod["spec"]["volumes"]).enumerate() {
        let field = format!("spec.volumes[{index}]");
        let name = text(&volume["name"]);
        if !is_label(name) {
            let rule = "must be a lowercase RFC 1123 label";
            return Err(FieldProblem::invalid(
                format!("{field}.name"),
                &quoted(name),
                rule,
            ));
        }
    }
    for volume in Volume::all_of(pod) {
        let tokens = volume.tokens.iter().map(|token| &token.path);
        let paths = tokens
            .chain(&volume.ca_certificates)
            .chain(&volume.namespaces);
        for path in paths {
            let is_inside = path.split('/').all(|part| !part.is_empty() && part != ".");
            let is_dotted = path.split('/').any(|part| part.starts_with(".."));
            if is_inside && !is_dotted && !path.contains('\0') {
                continue;
            }
            let field = format!("spec.volumes[{}].projected.sources.path", volume.name);
            let rule = "must be a relative path that does not contain '..'";
            return Err(FieldProblem::invalid(field, &quoted(path), rule));
        }
    }
    Ok(())
}

fn members(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check_volumes;

    fn mk_pod(volume: &str, path: &str) -> Value {
        let source = json!({ "serviceAccountToken": { "path": path } });
        json!({ "spec": { "volumes": [{ "name": volume, "projected": { "sources": [source] } }] } })
    }

    #[test]
    fn no_volume_reaches_outside_its_folder() {
        assert!(check_volumes(&mk_pod("tokens", "api-token")).is_ok());
        assert!(check_volumes(&mk_pod("tokens", "a/b")).is_ok());
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "..data", "."] {
            assert!(check_volumes(&mk_pod("tokens", path)).is_err(), "{path:?}");
        }
        for name in ["", "..", "a/b"] {
            assert!(check_volumes(&mk_pod(name, "token")).is_err(), "{name:?}");
        }
    }
}
