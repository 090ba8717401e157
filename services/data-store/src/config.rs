//! What an operator decides.

use std::net::SocketAddr;

use clap::Parser;
use runtime::AuthArgs;

/// Keeps records; admits only callers that authenticate and are allowed.
///
/// The Kubernetes API is found as kubectl finds it: through KUBECONFIG, or from inside the cluster.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Config {
    /// Where to serve gRPC.
    #[arg(long, env, default_value = "127.0.0.1:8081")]
    pub listen_addr: SocketAddr,

    /// Where to answer probes, /livez and /readyz, and to show /metrics.
    #[arg(long, env, default_value = "127.0.0.1:9081")]
    pub admin_addr: SocketAddr,

    /// Where to keep records: redb:PATH for a file, or memory: to forget them at the end.
    #[arg(long, env, default_value = "redb:data-store.redb")]
    pub storage: String,

    /// How many changes a file or this process's memory remembers, for those who watch and for pages of lists; etcd has its own way.
    #[arg(long, env, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub history: u32,

    /// How many bytes a value may have: 1 to 3145728. etcd must be told to take as much, by its --max-request-bytes.
    #[arg(long, env, default_value_t = proto::MAX_VALUE, value_parser = proto::parse_max_value)]
    pub max_value: usize,

    /// Who may call, and how Kubernetes is asked about it.
    #[command(flatten)]
    pub auth: AuthArgs,
}

// === impl Config ===

impl Config {
    /// The program's own defaults, but for who may call: that must be said.
    #[must_use]
    pub fn new(auth: AuthArgs) -> Self {
        Self {
            listen_addr: ([127, 0, 0, 1], 8081).into(),
            admin_addr: ([127, 0, 0, 1], 9081).into(),
            storage: "redb:data-store.redb".to_owned(),
            history: 10_000,
            max_value: proto::MAX_VALUE,
            auth,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use runtime::AuthArgs;
    use tonic_kube_auth::Clock;

    use super::Config;

    #[test]
    fn the_command_line_has_the_same_defaults() {
        let parsed = Config::parse_from([
            "data-store",
            "--audience",
            "data-store",
            "--allow",
            "api/api",
        ]);

        let shown = |config: Config| {
            let auth = AuthArgs {
                clock: Clock::stopped_at(0),
                ..config.auth
            };
            format!("{:?}", Config { auth, ..config })
        };
        assert_eq!(
            shown(parsed),
            shown(Config::new(AuthArgs::new("data-store", "api/api")))
        );
    }
}
