//! Kubeconfig files: how kubectl, and a pod that is a mere process, find the stand-in.

use std::{net::SocketAddr, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::secret::Secret;

/// For the administrator: everything in one file, which is therefore a secret.
pub(crate) fn of_admin(server: SocketAddr, ca_pem: &str, token: &Secret) -> String {
    let ca = format!("certificate-authority-data: {}", BASE64.encode(ca_pem));
    let user = format!("token: {}", quoted(token.expose()));
    write(server, &ca, "kubernetes-admin", &user, "default")
}

/// For a pod outside a cluster: it names the projected files, so that a rotated token is read again.
pub(crate) fn of_pod(server: SocketAddr, ca: &Path, token: &Path, namespace: &str) -> String {
    let ca = format!("certificate-authority: {}", quoted(&ca.to_string_lossy()));
    let user = format!("tokenFile: {}", quoted(&token.to_string_lossy()));
    write(server, &ca, namespace, &user, namespace)
}

fn write(server: SocketAddr, ca: &str, user: &str, credentials: &str, namespace: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: local-cluster
  cluster:
    server: https://{server}
    {ca}
users:
- name: {user}
  user:
    {credentials}
contexts:
- name: local-cluster
  context:
    cluster: local-cluster
    user: {user}
    namespace: {namespace}
current-context: local-cluster
"
    )
}

/// A JSON string is a YAML string, whatever the path has in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::of_pod;

    #[test]
    fn a_path_with_spaces_and_quotes_survives() {
        let config = of_pod(
            ([127, 0, 0, 1], 6443).into(),
            Path::new("/a \"b\"/ca.crt"),
            Path::new("/a \"b\"/token"),
            "data-store",
        );

        assert!(
            config.contains(r#"tokenFile: "/a \"b\"/token""#),
            "{config}"
        );
        assert!(
            config.contains("server: https://127.0.0.1:6443\n"),
            "{config}"
        );
    }
}
