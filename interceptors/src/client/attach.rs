//! Attaches the token to every call.

use std::net::IpAddr;

use http::Uri;
use tonic::{Code, Request, Status, service::Interceptor};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    ERROR_DOMAIN,
    client::{current::CurrentToken, retry::Retry},
};

/// The `reason` of a call that was not made because there is no token to make it with.
const NO_TOKEN: &str = "NO_TOKEN";

/// Sends the current token with every call.
///
/// Put it [on](Self::on) a channel. It is a tonic interceptor as well, for where one is wanted: then a call whose token is refused is not
/// made again, and nothing ever waits.
///
/// Without a usable token it fails the call, with UNAVAILABLE and the reason `NO_TOKEN`, and nothing is sent.
#[derive(Clone, Debug)]
pub struct AttachToken {
    token: CurrentToken,
}

/// The target would get the token in plaintext, for everybody on the way to read and to use.
#[derive(Debug, thiserror::Error)]
#[error(
    "{target} is neither https nor on this machine: a token would travel in plaintext; use TLS, or allow it by name"
)]
pub struct PlaintextTarget {
    target: Uri,
}

// === impl AttachToken ===

impl AttachToken {
    /// Attaches the token to calls that go to `target`.
    ///
    /// An `https` target is trusted to be reached over TLS: tonic, as this library builds it, refuses to connect to one for which no TLS
    /// is configured.
    ///
    /// # Errors
    ///
    /// [`PlaintextTarget`] when `target` is reached without TLS and is not on this machine.
    pub fn new(token: CurrentToken, target: &Uri) -> Result<Self, PlaintextTarget> {
        if target.scheme_str() == Some("https") || is_loopback(target) {
            Ok(Self { token })
        } else {
            Err(PlaintextTarget {
                target: target.clone(),
            })
        }
    }

    /// Attaches the token wherever the calls go, in plaintext too.
    ///
    /// Whoever can read the wire can then act as this service until the token expires. It is for networks that encrypt below HTTP.
    #[must_use]
    pub fn in_plaintext_to_anywhere(token: CurrentToken) -> Self {
        Self { token }
    }

    /// A channel whose every call carries the token, and is made once more when the token is refused and there is another.
    ///
    /// ```
    /// # use tonic::transport::Channel;
    /// # use tonic_kube_auth::{AttachToken, Retry};
    /// # fn attached(attach: AttachToken, channel: Channel) -> Retry<Channel> {
    /// let channel = attach.on(channel);
    /// // DataStoreClient::new(channel)
    /// # channel }
    /// ```
    #[must_use]
    pub fn on<S>(self, channel: S) -> Retry<S> {
        Retry::new(channel, self.token)
    }
}

impl Interceptor for AttachToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let held = self.token.get().ok_or_else(no_token)?;
        held.put_into(request.metadata_mut().as_mut());
        Ok(request)
    }
}

/// The answer to a call that is not made.
pub(super) fn no_token() -> Status {
    Status::with_error_details(
        Code::Unavailable,
        "no usable service account token to call with",
        ErrorDetails::with_error_info(NO_TOKEN, ERROR_DOMAIN, []),
    )
}

fn is_loopback(target: &Uri) -> bool {
    target.host().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::FutureExt as _;
    use tokio::{io::AsyncReadExt as _, net::TcpListener};
    use tonic::{
        Code, Request,
        service::{Interceptor as _, interceptor::InterceptedService},
        transport::Endpoint,
    };
    use tonic_types::StatusExt as _;

    use super::AttachToken;
    use crate::{
        TokenFollower, TokenSource,
        client::{ask, current::CurrentToken},
    };

    async fn mk_follower(token: &str) -> (tempfile::TempDir, TokenFollower) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, token).unwrap();
        let follower = TokenFollower::start(TokenSource::new(path)).await.unwrap();
        (folder, follower)
    }

    #[tokio::test]
    async fn every_call_carries_the_token_once_and_marked_sensitive() {
        let (_folder, follower) = mk_follower("abc").await;
        let mut attach = AttachToken::in_plaintext_to_anywhere(follower.token());
        let mut request = Request::new(());
        request
            .metadata_mut()
            .append("authorization", "Bearer of-somebody-else".parse().unwrap());

        let request = attach.call(request).unwrap();

        let values: Vec<_> = request.metadata().get_all("authorization").iter().collect();
        assert_eq!(values, ["Bearer abc"]);
        assert!(values[0].is_sensitive());
        assert!(!format!("{request:?}").contains("abc"));
    }

    #[tokio::test]
    async fn without_a_token_the_call_fails_here_and_nothing_is_sent() {
        let (_sender, receiver) = tokio::sync::watch::channel(None);
        let (ask, _asked) = ask::channel();
        let token = CurrentToken::new(receiver, ask, &TokenSource::new("/no/such/token"));
        let mut attach = AttachToken::in_plaintext_to_anywhere(token);

        let status = attach.call(Request::new(())).unwrap_err();

        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.get_details_error_info().unwrap().reason, "NO_TOKEN");
    }

    #[tokio::test]
    async fn an_https_target_without_tls_configured_is_not_spoken_to_in_plaintext() {
        let (_folder, follower) = mk_follower("abc").await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("https://{}", listener.local_addr().unwrap());
        let endpoint = Endpoint::from_shared(target).unwrap();
        let attach = AttachToken::new(follower.token(), endpoint.uri()).unwrap();
        let channel = InterceptedService::new(endpoint.connect_lazy(), attach);
        let mut client = tonic::client::Grpc::new(channel);

        let ready = client.ready().await.is_ok();
        let called = ready && {
            let path = "/a.b/C".parse().unwrap();
            let codec = tonic_prost::ProstCodec::<(), ()>::default();
            client.unary(Request::new(()), path, codec).await.is_ok()
        };

        assert!(!called);
        let mut heard = Vec::new();
        if let Some(Ok((mut stream, _peer))) = listener.accept().now_or_never() {
            stream.read_to_end(&mut heard).await.unwrap();
        }
        assert_eq!(heard, b"", "nothing may be said in plaintext");
    }

    #[tokio::test]
    async fn a_token_goes_over_tls_or_stays_on_this_machine() {
        let (_folder, follower) = mk_follower("abc").await;
        for (target, allowed) in [
            ("https://app.data-store.svc", true),
            ("http://127.0.0.1:8081", true),
            ("http://127.8.8.8:8081", true),
            ("http://[::1]:8081", true),
            ("http://localhost:8081", true),
            ("http://app.data-store.svc", false),
            ("http://10.0.0.1:8081", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("app.data-store.svc:80", false),
        ] {
            let attach = AttachToken::new(follower.token(), &target.parse().unwrap());

            assert_eq!(attach.is_ok(), allowed, "{target}");
        }
    }
}
