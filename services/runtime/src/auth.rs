//! Who may call a program: the flags that say it, the check that holds to it, and whether Kubernetes answers that check.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use prometheus_client::registry::Registry;
use tonic_kube_auth::{
    AllowList, Audience, AuthLayer, Cached, Clock, ServerMetrics, Standing, TokenReviewer,
};

use crate::{Condition, Problems};

/// Who may call, and how Kubernetes is asked about it. A program flattens it into its own flags.
///
/// The Kubernetes API is found as kubectl finds it: through `KUBECONFIG`, or from inside the cluster.
#[derive(Clone, Debug, Args)]
pub struct AuthArgs {
    /// The audience that tokens must be minted for; required.
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub audience: String,

    /// The service accounts that may call: namespace/name or namespace/*, separated by commas; required.
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub allow: String,

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

/// The check that admits callers, and what it takes to tell whether Kubernetes answers it.
#[derive(Clone, Debug)]
pub struct Admission {
    layer: AuthLayer<TokenReviewer, AllowList>,
    reviewer: TokenReviewer,
}

/// The Kubernetes API cannot be asked with what was found.
#[derive(Debug, thiserror::Error)]
#[error("there is no usable way to the Kubernetes API")]
struct KubeconfigError(#[source] Box<dyn std::error::Error + Send + Sync>);

// === impl AuthArgs ===

impl AuthArgs {
    /// The defaults of the flags, for those that must be given.
    #[must_use]
    pub fn new(audience: &str, allow: &str) -> Self {
        Self {
            audience: audience.to_owned(),
            allow: allow.to_owned(),
            kubeconfig: None,
            review_timeout: Duration::from_secs(3),
            cache_ttl: Duration::from_secs(10),
            outage_budget: Duration::from_secs(60),
            max_reviews_in_flight: 64,
            clock: Clock::system(),
        }
    }

    /// Makes the check. It asks nobody yet; what it counts is registered under `auth_server`.
    ///
    /// Nothing when something is wrong, which `problems` then tells.
    pub async fn admission(
        &self,
        problems: &mut Problems,
        registry: &mut Registry,
    ) -> Option<Admission> {
        let audience = problems.check("--audience", self.audience.parse::<Audience>());
        let allow = problems.check("--allow", self.allow.parse::<AllowList>());
        let kubernetes = problems.check("--kubeconfig", self.kube_config().await);
        let (audience, allow, kubernetes) = (audience?, allow?, kubernetes?);
        let connected = TokenReviewer::connect(kubernetes, audience.clone())
            .map_err(|error| KubeconfigError(Box::new(error)));
        let metrics = ServerMetrics::register(registry.sub_registry_with_prefix("auth_server"));
        let reviewer = problems
            .check("--kubeconfig", connected)?
            .with_deadline(self.review_timeout)
            .with_metrics(metrics.clone());
        let authenticator = Cached::new(reviewer.clone(), audience)
            .with_cache_ttl(self.cache_ttl)
            .with_outage_budget(self.outage_budget)
            .with_max_reviews_in_flight(self.max_reviews_in_flight.into())
            .with_clock(self.clock.clone())
            .with_metrics(metrics);
        let layer = AuthLayer::new(authenticator, allow);
        Some(Admission { layer, reviewer })
    }

    async fn kube_config(&self) -> Result<kube::Config, KubeconfigError> {
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

// === impl Admission ===

impl Admission {
    /// What to put around each service that needs it.
    #[must_use]
    pub fn layer(&self) -> AuthLayer<TokenReviewer, AllowList> {
        self.layer.clone()
    }

    /// Keeps asking Kubernetes how we stand, and tells readiness: the condition holds as long as Kubernetes answers our reviews.
    pub async fn report_standing(self, condition: Condition) {
        let mut standing = self.reviewer.standing();
        let report = async {
            loop {
                match &*standing.borrow_and_update() {
                    Standing::Unknown => (),
                    Standing::Good => condition.holds(),
                    Standing::Unavailable { why } | Standing::Misconfigured { why } => {
                        condition.fails(why.as_str())
                    }
                }
                if standing.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = self.reviewer.keep_standing() => (),
            () = report => (),
        }
    }
}

/// A length of time, as `3s` or `500ms`, that is not zero.
///
/// # Errors
///
/// When it is none, or zero.
pub fn some_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tonic_kube_auth::Clock;

    use super::AuthArgs;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        auth: AuthArgs,
    }

    #[test]
    fn the_command_line_has_the_same_defaults() {
        let parsed =
            Program::parse_from(["program", "--audience", "data-store", "--allow", "api/api"]);

        let shown = |auth: AuthArgs| {
            let clock = Clock::stopped_at(0);
            format!("{:?}", AuthArgs { clock, ..auth })
        };
        assert_eq!(
            shown(parsed.auth),
            shown(AuthArgs::new("data-store", "api/api"))
        );
    }
}
