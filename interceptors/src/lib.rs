//! Prove who calls and check who called, with projected Kubernetes service-account tokens.
//!
//! A pod is given a token for one audience, ten minutes long, in a file that the kubelet keeps fresh. The client side attaches it to every
//! call; the server side asks the Kubernetes API whether it is genuine and meant for us, and admits or refuses.
//!
//! ```text
//! TokenSource → TokenFollower → AttachToken ═══ authorization: Bearer … ═══▶ AuthLayer → Authenticate → Authorize → handler(Caller)
//!   the file      one task       on a channel                                 tower       Cached         AllowList
//!                                                                                         TokenReviewer
//! ```
//!
//! # The calling side
//!
//! ```no_run
//! # use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
//! # use tonic_kube_auth::{AttachToken, DEFAULT_TOKEN_PATH, Retry, TokenFollower, TokenSource};
//! # async fn call(ca: &str) -> Result<Retry<Channel>, Box<dyn std::error::Error>> {
//! let follower = TokenFollower::start(TokenSource::new(DEFAULT_TOKEN_PATH)).await?;
//! let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
//! let endpoint = Endpoint::from_static("https://app.data-store.svc").tls_config(tls)?;
//! let channel = AttachToken::new(follower.token(), endpoint.uri())?.on(endpoint.connect_lazy());
//! // … DataStoreClient::new(channel), for as long as `follower` lives
//! # Ok(channel) }
//! ```
//!
//! A call whose token is refused as expired, or as not genuine, is made once more if the file holds another by then; see [`Retry`].
//!
//! # The called side
//!
//! ```no_run
//! # use tonic::{Request, Response, Status, service::LayerExt as _};
//! # use tonic_kube_auth::{AllowList, Audience, AuthLayer, Cached, Caller, TokenReviewer};
//! # async fn serve<S: tonic::server::NamedService + Clone>(data_store: S) -> Result<(), Box<dyn std::error::Error>> {
//! let audience: Audience = "data-store".parse()?;
//! let reviewer = TokenReviewer::connect(kube::Config::infer().await?, audience.clone())?;
//! let auth = AuthLayer::new(Cached::new(reviewer, audience), "api/api".parse::<AllowList>()?);
//! let service = auth.named_layer(data_store);
//! # let _ = service; Ok(()) }
//!
//! async fn greet(request: Request<()>) -> Result<Response<String>, Status> {
//!     let caller = Caller::of(request.extensions())?;
//!     Ok(Response::new(format!("Hello, {}", caller.service_account())))
//! }
//! ```
//!
//! A program that only calls can leave out the feature `server`, and with it kube.
//!
//! # What it promises
//!
//! - No token, no audience, no rule, no answer: the outcome is "no". Every [`Refusal`] says whose fault it is.
//! - A token is never sent without TLS to another machine unless that was asked for by name, and never shown: not in a log, an error or a
//!   `Debug`.
//! - The handler runs only with a [`Caller`], which nothing but the checks can make.

mod claims;
mod client;
mod clock;
mod metrics;
mod status_json;
mod token;

#[cfg(feature = "server")]
mod audience;
#[cfg(feature = "server")]
mod authn;
#[cfg(feature = "server")]
mod authz;
#[cfg(all(feature = "server", any(fuzzing, test)))]
pub mod fuzz;
#[cfg(feature = "server")]
mod identity;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod service_account;

pub use claims::{NotAJwt, UnverifiedClaims};
pub use client::{
    attach::{AttachToken, PlaintextTarget},
    current::CurrentToken,
    follow::TokenFollower,
    retry::{Attempts, Retry},
    source::{DEFAULT_TOKEN_PATH, TokenReadError, TokenSource},
};
pub use clock::Clock;
pub use metrics::client::ClientMetrics;
pub use status_json::status_json;
pub use token::{MAX_TOKEN_LENGTH, MalformedToken, Token};

#[cfg(feature = "server")]
pub use {
    audience::{Audience, AudienceError},
    authn::{
        Authenticate,
        cached::Cached,
        standing::Standing,
        token_review::{ConnectError, TokenReviewer},
    },
    authz::{AllowList, AllowListError, Authorize},
    identity::{BoundObject, Identity, UserInfo},
    metrics::server::ServerMetrics,
    server::{
        body::ResponseBody,
        caller::Caller,
        deadline::grpc_timeout,
        future::ResponseFuture,
        layer::AuthLayer,
        refusal::{Malformed, Refusal},
        service::Auth,
    },
    service_account::ServiceAccount,
};

/// The `domain` of every `google.rpc.ErrorInfo` that this library makes.
pub const ERROR_DOMAIN: &str = "tonic-kube-auth";
