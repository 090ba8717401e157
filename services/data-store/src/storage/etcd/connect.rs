//! How to reach the members: what the address names is read, and nobody is asked.

use std::{path::Path, time::Duration};

use tokio::fs;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::address::{EtcdAddress, Tls};
use crate::storage::OpenProblem;

/// How long connecting may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// What the certificates of a file begin with.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Answers an endpoint for each member.
pub(super) async fn endpoints(address: &EtcdAddress) -> Result<Vec<Endpoint>, OpenProblem> {
    let tls = match &address.tls {
        Some(tls) => Some(config(tls).await?),
        None => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let endpoint = |member: &String| {
        let endpoint = Endpoint::from_shared(format!("{scheme}://{member}"))
            .expect("a member must be an authority, as the address was parsed")
            .connect_timeout(CONNECT_DEADLINE)
            .tcp_nodelay(true);
        match &tls {
            Some(tls) => endpoint.tls_config(tls.clone()),
            None => Ok(endpoint),
        }
    };
    let endpoints: Result<Vec<_>, _> = address.members.iter().map(endpoint).collect();
    endpoints.map_err(|error| OpenProblem::Tls(error.into()))
}

async fn config(tls: &Tls) -> Result<ClientTlsConfig, OpenProblem> {
    let mut config = match &tls.ca {
        Some(path) => {
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificates(path).await?))
        }
        None => ClientTlsConfig::new().with_native_roots(),
    };
    if let Some((certificate, key)) = &tls.identity {
        let certificate = certificates(certificate).await?;
        config = config.identity(Identity::from_pem(certificate, read(key).await?));
    }
    if let Some(name) = &tls.server_name {
        config = config.domain_name(name);
    }
    Ok(config)
}

async fn certificates(path: &Path) -> Result<String, OpenProblem> {
    let text = read(path).await?;
    if text.contains(CERTIFICATE) {
        Ok(text)
    } else {
        Err(OpenProblem::NoCertificate(path.to_owned()))
    }
}

async fn read(path: &Path) -> Result<String, OpenProblem> {
    fs::read_to_string(path)
        .await
        .map_err(|source| OpenProblem::Unreadable {
            path: path.to_owned(),
            source,
        })
}
