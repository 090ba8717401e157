//! Where the stand-in keeps what.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    files::{self, FileError},
    kubeconfig,
    kubelet::volume_folder,
    pki::{CA_CERTIFICATE, Pki},
    seed,
};

/// Where the stand-in keeps what. All paths are absolute.
#[derive(Clone, Debug)]
pub struct Paths {
    folder: PathBuf,
}

// === impl Paths ===

impl Paths {
    /// `folder` must be absolute: a kubeconfig names what is in it, and is read from anywhere.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder everything is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.folder.join("pki")
    }

    /// The certificate that clients of the API server trust.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        self.pki().join(CA_CERTIFICATE)
    }

    /// The pods' volumes: `NAMESPACE/POD/VOLUME/…`.
    #[must_use]
    pub fn pods(&self) -> PathBuf {
        self.folder.join("pods")
    }

    /// The api's token for the data store, kept fresh by the kubelet.
    #[must_use]
    pub fn api_token(&self) -> PathBuf {
        volume_folder(&self.pods(), seed::API, seed::API, seed::API_VOLUME).join(seed::API_TOKEN)
    }

    /// For kubectl.
    #[must_use]
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// For the data store, which is not in a cluster: it names the files of its pod's volume.
    #[must_use]
    pub fn data_store_kubeconfig(&self) -> PathBuf {
        self.folder.join("data-store.kubeconfig")
    }

    pub(crate) fn write_kubeconfigs(&self, server: SocketAddr, pki: &Pki) -> Result<(), FileError> {
        let admin = kubeconfig::of_admin(server, pki.ca_certificate(), pki.admin_token());
        files::replace(&self.admin_kubeconfig(), admin.as_bytes())?;
        let volume = volume_folder(
            &self.pods(),
            seed::DATA_STORE,
            seed::DATA_STORE,
            seed::ACCESS_VOLUME,
        );
        let (ca, token) = (
            volume.join(seed::ACCESS_CA),
            volume.join(seed::ACCESS_TOKEN),
        );
        let data_store = kubeconfig::of_pod(server, &ca, &token, seed::DATA_STORE);
        files::replace(&self.data_store_kubeconfig(), data_store.as_bytes())
    }
}
