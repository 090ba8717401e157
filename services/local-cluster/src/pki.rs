//! What makes a restarted stand-in the same cluster: its certificate authority, its signing key, its administrator's token.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
};

use crate::api_server::keys::{KeyError, SigningKey};
use crate::{
    files::{self, FileError},
    secret::Secret,
};

/// The file clients need in order to trust the API server.
pub(crate) const CA_CERTIFICATE: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const SIGNING_KEY: &str = "sa.key";
const ADMIN_TOKEN: &str = "admin.token";

const PEM_LABEL: &str = "PRIVATE KEY";
const PEM_WIDTH: usize = 64;

/// Names the API server answers to, besides the address it listens on.
const NAMES: [&str; 2] = ["localhost", "kubernetes.default.svc"];

/// The cluster's keys and certificates. Its `Debug` shows none of them.
pub struct Pki {
    ca: KeyPair,
    ca_pem: String,
    signing: Vec<u8>,
    admin_token: Secret,
}

/// The keys cannot be read, made or kept.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The service-account key is damaged; remove it to get a new one, and with it new uids.
    #[error("the service-account key cannot be used; remove sa.key to have a new one made")]
    SigningKey(#[from] KeyError),
    /// The service-account key is not PEM; remove it to get a new one.
    #[error("sa.key is not PEM; remove it to have a new one made")]
    NotPem(#[from] rustls::pki_types::pem::Error),
    /// A certificate cannot be made.
    #[error("cannot make a certificate; remove ca.key to have a new authority made")]
    Certificate(#[from] rcgen::Error),
    /// The serving certificate does not suit TLS.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// The operating system gives no randomness.
    #[error("the operating system gives no random bytes")]
    Random,
}

// === impl Pki ===

impl Pki {
    /// Reads the keys in `folder`, and makes those that are not there. Making the first ones takes a second or more.
    ///
    /// # Errors
    ///
    /// [`PkiError`] when a file cannot be read, written or understood.
    pub fn open(folder: &Path) -> Result<Self, PkiError> {
        files::make_folder(folder)?;
        let (ca, is_new) = match files::read_if_there(&folder.join(CA_KEY))? {
            Some(pem) => (KeyPair::from_pem(&pem)?, false),
            None => (KeyPair::generate()?, true),
        };
        let ca_path = folder.join(CA_CERTIFICATE);
        let ca_pem = match files::read_if_there(&ca_path)? {
            Some(pem) if !is_new => pem,
            _ => authority().self_signed(&ca)?.pem(),
        };
        files::replace(&ca_path, ca_pem.as_bytes())?;
        if is_new {
            // After the certificate: a key without one is completed at the next start, one without a key is replaced.
            files::replace(&folder.join(CA_KEY), ca.serialize_pem().as_bytes())?;
        }
        Ok(Self {
            ca,
            ca_pem,
            signing: signing_key(&folder.join(SIGNING_KEY))?,
            admin_token: admin_token(&folder.join(ADMIN_TOKEN))?,
        })
    }

    /// The key that signs service-account tokens.
    ///
    /// # Errors
    ///
    /// [`PkiError::SigningKey`] when the file held something else.
    pub fn signing_key(&self) -> Result<SigningKey, PkiError> {
        Ok(SigningKey::from_pkcs8(&self.signing)?)
    }

    /// The certificate clients are to trust, as PEM.
    #[must_use]
    pub fn ca_certificate(&self) -> &str {
        &self.ca_pem
    }

    /// What the administrator shows.
    #[must_use]
    pub fn admin_token(&self) -> &Secret {
        &self.admin_token
    }

    /// TLS for a server on this machine, with a certificate made for the occasion.
    ///
    /// It is valid for the loopback addresses, `localhost`, `kubernetes.default.svc` and `listening`.
    ///
    /// # Errors
    ///
    /// [`PkiError`] when the certificate cannot be made.
    pub fn serving(&self, listening: IpAddr) -> Result<Arc<ServerConfig>, PkiError> {
        serving(&self.ca, listening)
    }

    /// The same, but made by an authority that nobody is told to trust: that of a cluster which was made anew, under the old name.
    ///
    /// # Errors
    ///
    /// [`PkiError`] when the certificate cannot be made.
    pub fn serving_for_another(listening: IpAddr) -> Result<Arc<ServerConfig>, PkiError> {
        serving(&KeyPair::generate()?, listening)
    }
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pki").finish_non_exhaustive()
    }
}

fn serving(ca: &KeyPair, listening: IpAddr) -> Result<Arc<ServerConfig>, PkiError> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    let loopback = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    params
        .subject_alt_names
        .extend(loopback.map(SanType::IpAddress));
    if !listening.is_unspecified() && !loopback.contains(&listening) {
        params.subject_alt_names.push(SanType::IpAddress(listening));
    }
    params
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &Issuer::new(authority(), ca))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The authority's certificate but for its key. It must not change, or kept certificates no longer match.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "local-cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params
}

fn signing_key(path: &Path) -> Result<Vec<u8>, PkiError> {
    if let Some(pem) = files::read_if_there(path)? {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())?;
        return Ok(key.secret_pkcs8_der().to_vec());
    }
    let key = SigningKey::generate()?;
    files::replace(path, to_pem(&key).as_bytes())?;
    Ok(key)
}

fn admin_token(path: &Path) -> Result<Secret, PkiError> {
    if let Some(token) = files::read_if_there(path)?
        && !token.trim().is_empty()
    {
        return Ok(Secret::new(token.trim().to_owned()));
    }
    let mut random = [0; 32];
    SystemRandom::new()
        .fill(&mut random)
        .or(Err(PkiError::Random))?;
    let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random);
    files::replace(path, token.as_bytes())?;
    Ok(Secret::new(token))
}

fn to_pem(der: &[u8]) -> String {
    let mut pem = format!("-----BEGIN {PEM_LABEL}-----\n");
    for (position, letter) in BASE64.encode(der).chars().enumerate() {
        if position > 0 && position % PEM_WIDTH == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str(&format!("\n-----END {PEM_LABEL}-----\n"));
    pem
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::Pki;

    #[test]
    fn a_restart_finds_the_same_keys_and_others_cannot_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("pki");

        let first = Pki::open(&folder).unwrap();
        let second = Pki::open(&folder).unwrap();

        assert_eq!(first.ca_certificate(), second.ca_certificate());
        assert_eq!(first.admin_token(), second.admin_token());
        assert_eq!(
            first.signing_key().unwrap().verifying_key(),
            second.signing_key().unwrap().verifying_key()
        );
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for entry in fs::read_dir(&folder).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::open(folder.path()).unwrap();

        assert_eq!(format!("{pki:?}"), "Pki { .. }");
        assert_eq!(format!("{:?}", pki.admin_token()), "Secret(..)");
    }
}
