//! A token that is replaced while it is in use: both sides of the library, over a real socket.

use std::{
    fs,
    future::ready,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time};
use tonic::{
    Code, Status,
    service::LayerExt as _,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_kube_auth::{
    AllowList, AttachToken, AuthLayer, Cached, Refusal, Retry, Token, TokenFollower, TokenSource,
    UserInfo,
};
use tonic_types::StatusExt as _;

/// Health checks, for whoever shows the one token that counts.
struct Guarded {
    addr: SocketAddr,
    accepted: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Who calls it, with the token in a file.
struct Caller {
    folder: tempfile::TempDir,
    client: HealthClient<Retry<Channel>>,
    _follower: TokenFollower,
}

// === impl Guarded ===

impl Guarded {
    async fn start() -> Self {
        let accepted = Arc::new(Mutex::new(String::new()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (right, questions) = (Arc::clone(&accepted), Arc::clone(&asked));
        let user = UserInfo {
            username: "system:serviceaccount:api:api".to_owned(),
            audiences: vec!["data-store".to_owned()],
            ..UserInfo::default()
        };
        let authenticate = move |token: &Token| {
            let mut questions = questions.lock().expect("nobody panics");
            questions.push(token.expose().to_owned());
            let right = right.lock().expect("nobody panics");
            ready(if *right == token.expose() {
                Ok(user.clone())
            } else {
                Err(Refusal::Rejected)
            })
        };
        let allow: AllowList = "api/api".parse().expect("it is well-formed");
        let audience = "data-store".parse().expect("it is well-formed");
        let (_reporter, health) = tonic_health::server::health_reporter();
        // Asked about each call, so that what was sent can be seen.
        let authenticator = Cached::new(authenticate, audience).with_cache_ttl(Duration::ZERO);
        let service = AuthLayer::new(authenticator, allow).named_layer(health);
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("some port must be free");
        let addr = listener.local_addr().expect("it must be bound");
        let (stop, stopped) = oneshot::channel();
        let serving = Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
                // Dropped or used, it says the same.
                let _stop = stopped.await;
            });
        Self {
            addr,
            accepted,
            asked,
            stop,
            task: tokio::spawn(serving),
        }
    }

    fn accepts(&self, token: &str) {
        token.clone_into(&mut self.accepted.lock().expect("nobody panics"));
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("nobody panics"))
    }

    async fn stop(self) {
        self.stop.send(()).expect("it must be running");
        let ended = self.task.await.expect("it must not panic");
        ended.expect("it must end well");
    }
}

// === impl Caller ===

impl Caller {
    async fn with(token: &str, addr: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("token");
        fs::write(&path, token).expect("it can be written");
        let follower = TokenFollower::start(TokenSource::new(path)).await;
        let follower = follower.expect("there is a token");
        let endpoint = Endpoint::from_shared(format!("http://{addr}"));
        let endpoint = endpoint.expect("an address must make a URL");
        let attach = AttachToken::new(follower.token(), endpoint.uri());
        let channel = attach
            .expect("it is on this machine")
            .on(endpoint.connect_lazy());
        Self {
            folder,
            client: HealthClient::new(channel),
            _follower: follower,
        }
    }

    fn write(&self, token: &str) {
        fs::write(self.folder.path().join("token"), token).expect("it can be written");
    }
}

fn mk_question() -> HealthCheckRequest {
    HealthCheckRequest::default()
}

/// A token that is told apart by its name.
fn mk_token(name: &str) -> String {
    let claims = format!(r#"{{"aud":["data-store"],"jti":"{name}"}}"#);
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

/// The file is read at most once a second; nobody has to wait for that here.
async fn pass_a_second() {
    time::pause();
    time::advance(Duration::from_secs(1)).await;
    time::resume();
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.expect("it must say why").reason
}

#[tokio::test]
async fn a_call_refused_with_the_token_of_before_goes_through_with_the_one_in_the_file() {
    let guarded = Guarded::start().await;
    let caller = Caller::with(&mk_token("first"), guarded.addr).await;
    let mut client = caller.client.clone();
    guarded.accepts(&mk_token("second"));

    // What is in the file is still the first, so there is nothing to try.
    pass_a_second().await;
    let refused = client.check(mk_question()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(reason(&refused), "TOKEN_REJECTED");
    assert_eq!(guarded.asked(), [mk_token("first")]);

    caller.write(&mk_token("second"));
    pass_a_second().await;
    client.check(mk_question()).await.unwrap();
    assert_eq!(guarded.asked(), [mk_token("first"), mk_token("second")]);

    drop((client, caller));
    guarded.stop().await;
}

#[tokio::test]
async fn a_call_that_is_answered_with_a_stream_is_made_again_too() {
    let guarded = Guarded::start().await;
    let caller = Caller::with(&mk_token("first"), guarded.addr).await;
    let mut client = caller.client.clone();
    guarded.accepts(&mk_token("second"));
    caller.write(&mk_token("second"));
    pass_a_second().await;

    let mut stream = client.watch(mk_question()).await.unwrap().into_inner();

    assert!(stream.message().await.unwrap().is_some());
    assert_eq!(guarded.asked(), [mk_token("first"), mk_token("second")]);
    drop((stream, client, caller));
    guarded.stop().await;
}
