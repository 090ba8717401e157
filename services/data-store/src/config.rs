//! What an operator decides.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tonic_kube_auth::{Audience, Clock, ServerMetrics, TokenReviewer};

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

    /// The audience that tokens must be minted for; required.
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub audience: String,

    /// The service accounts that may call: namespace/name or namespace/*, separated by commas; required.
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub allow: String,

    /// Where to keep records: redb:PATH for a file, or memory: to forget them at the end.
    #[arg(long, env, default_value = "redb:data-store.redb")]
    pub storage: String,

    /// How many changes a file or this process's memory remembers, for those who watch and for pages of lists; etcd has its own way.
    #[arg(long, env, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub history: u32,

    /// How many bytes a value may have: 1 to 3145728. etcd must be told to take as much, by its --max-request-bytes.
    #[arg(long, env, default_value_t = proto::MAX_VALUE, value_parser = proto::parse_max_value)]
    pub max_value: usize,

    /// The kubeconfig to use instead of those that KUBECONFIG names.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,

    /// How long Kubernetes may take over one review, for example 3s or 500ms.
    #[arg(long, env, default_value = "3s", value_parser = some_duration)]
    pub review_timeout: Duration,

    /// How long a caller that was proven is not asked about again, for example 10s; 0s asks Kubernetes for every call.
    #[arg(long, env, default_value = "10s", value_parser = humantime::parse_duration)]
    pub cache_ttl: Duration,

    /// How long a caller stays accepted after its last proof while Kubernetes cannot be asked; 0s refuses it at once.
    #[arg(long, env, default_value = "60s", value_parser = humantime::parse_duration)]
    pub outage_budget: Duration,

    /// How many reviews may be under way at once; further calls are refused as OVERLOADED. A quarter is for callers that were proven before,
    /// and one machine gets half of the rest.
    #[arg(long, env, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_reviews_in_flight: u16,

    /// What time it is, for the expiry of tokens. A test may decide that.
    #[arg(skip = Clock::system())]
    pub clock: Clock,
}

/// The Kubernetes API cannot be asked with what was found.
#[derive(Debug, thiserror::Error)]
#[error("there is no usable way to the Kubernetes API")]
pub(crate) struct KubeconfigError(#[source] Box<dyn std::error::Error + Send + Sync>);

// === impl Config ===

impl Config {
    /// The program's own defaults, for those it must be told.
    #[must_use]
    pub fn new(audience: &str, allow: &str) -> Self {
        Self {
            listen_addr: ([127, 0, 0, 1], 8081).into(),
            admin_addr: ([127, 0, 0, 1], 9081).into(),
            audience: audience.to_owned(),
            allow: allow.to_owned(),
            storage: "redb:data-store.redb".to_owned(),
            history: 10_000,
            max_value: proto::MAX_VALUE,
            kubeconfig: None,
            review_timeout: Duration::from_secs(3),
            cache_ttl: Duration::from_secs(10),
            outage_budget: Duration::from_secs(60),
            max_reviews_in_flight: 64,
            clock: Clock::system(),
        }
    }

    pub(crate) fn reviewer(
        &self,
        config: kube::Config,
        audience: &Audience,
        metrics: &ServerMetrics,
    ) -> Result<TokenReviewer, KubeconfigError> {
        let reviewer = TokenReviewer::connect(config, audience.clone())
            .map_err(|error| KubeconfigError(Box::new(error)))?;
        Ok(reviewer
            .with_deadline(self.review_timeout)
            .with_metrics(metrics.clone()))
    }

    pub(crate) async fn kube_config(&self) -> Result<kube::Config, KubeconfigError> {
        let Some(path) = &self.kubeconfig else {
            let inferred = kube::Config::infer().await;
            return inferred.map_err(|error| KubeconfigError(Box::new(error)));
        };
        let kubeconfig =
            Kubeconfig::read_from(path).map_err(|error| KubeconfigError(Box::new(error)))?;
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(|error| KubeconfigError(Box::new(error)))
    }
}

/// A length of time, as `3s` or `500ms`, that is not zero.
fn some_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

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
            let clock = Clock::stopped_at(0);
            format!("{:?}", Config { clock, ..config })
        };
        assert_eq!(shown(parsed), shown(Config::new("data-store", "api/api")));
    }
}
