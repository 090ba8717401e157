//! What an operator decides.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use http::{Uri, uri::Authority};
use prometheus_client::registry::Registry;
use runtime::{Admission, AuthArgs, Problems};
use tonic::transport::Endpoint;
use tonic_kube_auth::{
    AttachToken, ClientMetrics, CurrentToken, DEFAULT_TOKEN_PATH, PlaintextTarget, TokenFollower,
    TokenReadError, TokenSource,
};

use crate::data_store::{self, Limits};

/// What a token for the api is minted for.
const AUDIENCE: &str = "api";

/// The front door: HTTP and gRPC on one port, calling the data store as itself.
#[derive(Clone, Debug, Parser)]
#[command(version)]
#[command(mut_arg("audience", |arg| {
    let help = "With --callers token: the audience that tokens must be minted for";
    arg.default_value(AUDIENCE).hide_default_value(false).help(help)
}))]
#[command(mut_arg("allow", |arg| {
    arg.help("With --callers token, and then required: the service accounts that may call, namespace/name or namespace/*, separated by commas")
}))]
pub struct Config {
    /// Where to serve HTTP and gRPC.
    #[arg(long, env, default_value = "127.0.0.1:8080")]
    pub listen_addr: SocketAddr,

    /// Where to answer probes, /livez and /readyz, and to show /metrics.
    #[arg(long, env, default_value = "127.0.0.1:9080")]
    pub admin_addr: SocketAddr,

    /// Where the data store is: HOST, HOST:PORT or http://HOST:PORT.
    #[arg(long, env, default_value = "http://127.0.0.1:8081")]
    pub data_store_connstring: String,

    /// The projected service account token to call the data store with.
    #[arg(long, env, default_value = DEFAULT_TOKEN_PATH)]
    pub token_path: PathBuf,

    /// How many bytes a value may have, as the data store is told: 1 to 3145728.
    #[arg(long, env, default_value_t = proto::MAX_VALUE, value_parser = proto::parse_max_value)]
    pub max_value: usize,

    /// Who may call: anybody, or those with a Kubernetes token for --audience whose service account --allow names.
    #[arg(long, env, value_enum, default_value_t = Callers::Anonymous)]
    pub callers: Callers,

    /// With --callers token: who may call, and how Kubernetes is asked about it.
    #[command(flatten)]
    pub auth: AuthArgs,

    /// How long a call may take, from its last byte to its answer, for example 5s; grpc-timeout and x-request-timeout can only shorten it.
    #[arg(long, env, default_value = "5s", value_parser = runtime::some_duration)]
    pub request_timeout: Duration,

    /// How many requests may be under way at once; further ones are refused as OVERLOADED. One machine gets half of them. Watches have a
    /// limit of their own.
    #[arg(long, env, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests_in_flight: u32,

    /// How many may watch at once; further ones are refused as OVERLOADED. One machine gets half of them.
    #[arg(long, env, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_watches: u32,

    /// The web origins whose pages may call from a browser, for example `https://example.com`, separated by commas; * is every page.
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub cors_origins: String,

    /// Send the token in plaintext to a data store on another machine. Whoever reads the wire can then act as the api.
    #[arg(long, env)]
    pub allow_plaintext_token: bool,
}

/// Who may call the api.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Callers {
    /// Anybody.
    Anonymous,
    /// Whoever proves to be a service account that is allowed.
    Token,
}

/// A list of callers is given, and nobody is asked who calls.
#[derive(Debug, thiserror::Error)]
#[error("nobody is asked for a token; add --callers token, or leave it out")]
pub(crate) struct AllowUnused;

/// The text does not say where the data store is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnstringError {
    #[error("{0:?} is not of the form HOST, HOST:PORT or http://HOST:PORT")]
    Form(String),
    #[error("{0:?}: only http is spoken to the data store so far")]
    Scheme(String),
}

/// The library's refusal to send a token in plaintext, and the flag that allows it.
#[derive(Debug, thiserror::Error)]
#[error("{0} with --allow-plaintext-token")]
pub(crate) struct PlaintextError(PlaintextTarget);

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            listen_addr: ([127, 0, 0, 1], 8080).into(),
            admin_addr: ([127, 0, 0, 1], 9080).into(),
            data_store_connstring: "http://127.0.0.1:8081".to_owned(),
            token_path: DEFAULT_TOKEN_PATH.into(),
            max_value: proto::MAX_VALUE,
            callers: Callers::Anonymous,
            auth: AuthArgs::new(AUDIENCE, ""),
            request_timeout: Duration::from_secs(5),
            max_requests_in_flight: 1_000,
            max_watches: 10_000,
            cors_origins: String::new(),
            allow_plaintext_token: false,
        }
    }
}

impl Config {
    /// What admits callers, when they are to be asked who they are.
    pub(crate) async fn admission(
        &self,
        problems: &mut Problems,
        registry: &mut Registry,
    ) -> Option<Admission> {
        match self.callers {
            Callers::Token => self.auth.admission(problems, registry).await,
            Callers::Anonymous => {
                if !self.auth.allow.is_empty() {
                    problems.check("--allow", Err::<(), _>(AllowUnused));
                }
                None
            }
        }
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, ConnstringError> {
        let text = self.data_store_connstring.as_str();
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let uri: Uri = with_scheme
            .parse()
            .map_err(|_not_a_uri| ConnstringError::Form(text.to_owned()))?;
        let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
        let host = uri.host().unwrap_or_default();
        // The parser takes names for ports and users for hosts; only a host and a number are left standing here.
        let is_host_and_port = match uri.port_u16() {
            Some(port) => authority == format!("{host}:{port}"),
            None => authority == host,
        };
        let ends_there = uri.path_and_query().is_none_or(|path| path == "/");
        match uri.scheme_str() {
            Some("http") if !host.is_empty() && is_host_and_port && ends_there => {
                Ok(data_store::endpoint(uri))
            }
            Some("http") | None => Err(ConnstringError::Form(text.to_owned())),
            Some(_other) => Err(ConnstringError::Scheme(text.to_owned())),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            timeout: self.request_timeout,
            max_value: self.max_value,
        }
    }

    pub(crate) async fn follow_token(
        &self,
        metrics: ClientMetrics,
    ) -> Result<TokenFollower, TokenReadError> {
        TokenFollower::start(TokenSource::new(&self.token_path).with_metrics(metrics)).await
    }

    pub(crate) fn attach(
        &self,
        token: CurrentToken,
        target: &Uri,
    ) -> Result<AttachToken, PlaintextError> {
        if self.allow_plaintext_token {
            tracing::warn!(%target, "The token may be sent in plaintext, as --allow-plaintext-token says");
            return Ok(AttachToken::in_plaintext_to_anywhere(token));
        }
        AttachToken::new(token, target).map_err(PlaintextError)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use tonic_kube_auth::Clock;

    use super::Config;

    fn endpoint(connstring: &str) -> Result<String, String> {
        let config = Config::parse_from(["api", "--data-store-connstring", connstring]);
        match config.endpoint() {
            Ok(endpoint) => Ok(endpoint.uri().to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_command_line_has_the_same_defaults() {
        let shown = |mut config: Config| {
            config.auth.clock = Clock::stopped_at(0);
            format!("{config:?}")
        };

        assert_eq!(shown(Config::parse_from(["api"])), shown(Config::default()));
    }

    #[test]
    fn the_data_store_is_named_with_or_without_scheme_and_port() {
        for connstring in [
            "app.data-store.svc:80",
            "http://app.data-store.svc:80",
            "http://app.data-store.svc:80/",
        ] {
            assert_eq!(
                endpoint(connstring).unwrap(),
                "http://app.data-store.svc:80/",
                "{connstring}"
            );
        }
        assert_eq!(
            endpoint("app.data-store.svc").unwrap(),
            "http://app.data-store.svc/"
        );
        assert_eq!(endpoint("[::1]:8081").unwrap(), "http://[::1]:8081/");
    }

    #[test]
    fn anything_else_is_refused_as_it_stands() {
        for connstring in [
            "",
            "http://",
            "a b",
            "http://host/path",
            "https://host",
            "etcd:host",
            "host:port",
        ] {
            let error = endpoint(connstring).unwrap_err();

            assert!(error.contains(&format!("{connstring:?}")), "{error}");
        }
    }
}
