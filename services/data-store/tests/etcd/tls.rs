use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
};

use data_store::{Address, Etcd, OpenProblem, Storage as _, StorageError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::{
    etcd_server::{EtcdServer, free_ports},
    support::{open_at, put},
};

/// A certificate authority and what it issued, as files.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Answers the files of a certificate and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |kind: &str, text: String| {
            let path = self.folder.path().join(format!("{name}.{kind}"));
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        (
            write("cert", certificate.pem()),
            write("key", key.serialize_pem()),
        )
    }

    /// An etcd that is called `name`, and asks for a certificate of ours.
    fn start(&self, name: &str) -> EtcdServer {
        let (certificate, key) = self.issue(name);
        let [port, peer_port] = free_ports();
        let client = format!("https://127.0.0.1:{port}");
        let peer = format!("http://127.0.0.1:{peer_port}");
        let ca = self.ca();
        let args = [
            ["--listen-client-urls", &client],
            ["--advertise-client-urls", &client],
            ["--listen-peer-urls", &peer],
            ["--initial-advertise-peer-urls", &peer],
            ["--initial-cluster", &format!("default={peer}")],
            ["--cert-file", &certificate],
            ["--key-file", &key],
            ["--trusted-ca-file", ca.to_str().unwrap()],
        ];
        let mut args: Vec<String> = args.concat().into_iter().map(str::to_owned).collect();
        args.push("--client-cert-auth".to_owned());
        EtcdServer::spawn(port, args)
    }
}

fn mk_address(server: &EtcdServer, options: &[(&str, &Path)]) -> String {
    let options: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{name}={}", value.display()))
        .collect();
    format!("etcd:{}?{}", server.endpoint(), options.join("&"))
}

/// Whether it answers, once it does.
async fn reaches(storage: &Etcd) -> Result<(), StorageError> {
    let mut reached = storage.check().await;
    for _ in 0..3 {
        if reached.is_err() {
            reached = storage.check().await;
        }
    }
    reached
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn with_certificates_from_one_authority_each_proves_who_it_is() {
    let authority = Authority::new();
    let server = authority.start("127.0.0.1");
    let (certificate, key) = authority.issue("client");
    let address = mk_address(
        &server,
        &[
            ("ca", &authority.ca()),
            ("cert", Path::new(&certificate)),
            ("key", Path::new(&key)),
        ],
    );

    let storage = open_at(&address).await;

    reaches(&storage).await.unwrap();
    put(&storage, "key").await;
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn a_member_of_another_name_is_known_by_the_one_it_is_given() {
    let authority = Authority::new();
    let server = authority.start("etcd.example");
    let (certificate, key) = authority.issue("client");
    let ca = authority.ca();
    let options = [
        ("ca", ca.as_path()),
        ("cert", Path::new(&certificate)),
        ("key", Path::new(&key)),
    ];

    let named = [&options[..], &[("server-name", Path::new("etcd.example"))]].concat();
    let storage = open_at(&mk_address(&server, &named)).await;
    reaches(&storage).await.unwrap();

    let storage = open_at(&mk_address(&server, &options)).await;
    storage.check().await.unwrap_err();
}

#[tokio::test]
#[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
async fn an_etcd_that_another_authority_vouches_for_is_refused() {
    let (authority, another) = (Authority::new(), Authority::new());
    let server = authority.start("127.0.0.1");
    let (certificate, key) = authority.issue("client");
    let with = |ca: PathBuf| {
        let options = [
            ("ca", ca.as_path()),
            ("cert", Path::new(&certificate)),
            ("key", Path::new(&key)),
        ];
        mk_address(&server, &options)
    };
    reaches(&open_at(&with(authority.ca())).await)
        .await
        .unwrap();

    let error = open_at(&with(another.ca()))
        .await
        .check()
        .await
        .unwrap_err();

    let mut told = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        told += &format!("{error}; ");
        cause = error.source();
    }
    assert!(told.contains("certificate"), "{told}");
}

#[tokio::test]
async fn files_that_are_missing_or_hold_nothing_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, empty) = (folder.path().join("missing"), folder.path().join("empty"));
    fs::write(&empty, "").unwrap();
    let problem = async |file: &Path| {
        let address = format!("etcd:127.0.0.1:1?ca={}", file.display());
        let Ok(Address::Etcd(address)) = address.parse() else {
            panic!("it must be an address");
        };
        Etcd::open(&address).await.unwrap_err()
    };

    let error = problem(&missing).await;
    assert!(matches!(error.problem(), OpenProblem::Unreadable { path, .. } if *path == missing));
    let error = problem(&empty).await;
    assert!(matches!(error.problem(), OpenProblem::NoCertificate(path) if *path == empty));
}
