//! An authority that answers as it is told, and callers that ask for admission.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::request::Parts;
use tokio::{sync::watch, time};
use tonic::transport::server::TcpConnectInfo;
use tonic_kube_auth::{
    AllowList, AuthLayer, Authenticate, Cached, Clock, Refusal, Token, UserInfo,
};

/// What time it is when a test begins, in seconds since the epoch.
pub(crate) const NOW: u64 = 1_795_454_840;

/// How an authority answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Says whose token it is: that of `api/api`.
    Yes,
    /// Says so too, and that it is good for these audiences.
    YesFor(&'static [&'static str]),
    /// Says no, or why there is no answer.
    No(Refusal),
    /// Says nothing, and is given up after three seconds.
    Silent,
    /// Does not survive the question.
    Crash,
}

/// An authority that answers as it is told. Clones are the same authority.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedAuthority(Arc<Script>);

#[derive(Debug)]
struct Script {
    answer: Mutex<Answer>,
    /// Answers are held back while it is closed.
    open: watch::Sender<bool>,
    asked: watch::Sender<usize>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

/// A layer before the authority, for callers to pass.
pub(crate) type Layer = AuthLayer<ScriptedAuthority, AllowList>;

// === impl ScriptedAuthority ===

impl ScriptedAuthority {
    pub(crate) fn new(answer: Answer) -> Self {
        Self(Arc::new(Script {
            answer: Mutex::new(answer),
            open: watch::Sender::new(true),
            asked: watch::Sender::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn now_answers(&self, answer: Answer) {
        *self.0.answer.lock().expect("no answer panics") = answer;
    }

    /// Answers no more until [`ScriptedAuthority::lets_go`].
    pub(crate) fn holds_back(&self) {
        self.0.open.send_replace(false);
    }

    pub(crate) fn lets_go(&self) {
        self.0.open.send_replace(true);
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        *self.0.asked.borrow()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn is_asked(&self, times: usize) {
        let mut asked = self.0.asked.subscribe();
        let patience = time::timeout(
            Duration::from_secs(10),
            asked.wait_for(|asked| *asked >= times),
        );
        drop(patience.await.expect("it must be asked in time"));
    }

    /// How many questions it had to think about at once, at most.
    pub(crate) fn most_under_way(&self) -> usize {
        self.0.most_under_way.load(Ordering::SeqCst)
    }

    /// This authority behind everything the library puts before one.
    pub(crate) fn cached(&self) -> Cached<Self> {
        let audience = "data-store".parse().expect("it is well-formed");
        Cached::new(self.clone(), audience).with_clock(Clock::stopped_at(NOW))
    }

    pub(crate) fn layer(&self) -> Layer {
        mk_layer(self.cached())
    }
}

impl Authenticate for ScriptedAuthority {
    async fn authenticate(&self, token: &Token) -> Result<UserInfo, Refusal> {
        let script = &self.0;
        script.asked.send_modify(|asked| *asked += 1);
        let under_way = script.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        script.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        let mut open = script.open.subscribe();
        drop(open.wait_for(|open| *open).await.expect("the script lasts"));

        let answer = script.answer.lock().expect("no answer panics").clone();
        if matches!(answer, Answer::Silent) {
            time::sleep(Duration::from_secs(3)).await;
        }
        script.under_way.fetch_sub(1, Ordering::SeqCst);
        match answer {
            Answer::Yes => Ok(mk_user(token, &["data-store"])),
            Answer::YesFor(audiences) => Ok(mk_user(token, audiences)),
            Answer::No(refusal) => Err(refusal),
            Answer::Silent => Err(Refusal::KubernetesUnavailable),
            Answer::Crash => unreachable!("the authority crashes, as it was told"),
        }
    }
}

fn mk_user(token: &Token, audiences: &[&str]) -> UserInfo {
    UserInfo {
        username: "system:serviceaccount:api:api".to_owned(),
        audiences: audiences.iter().map(|each| (*each).to_owned()).collect(),
        expires_at: expiry(token),
        ..UserInfo::default()
    }
}

pub(crate) fn mk_layer(cached: Cached<ScriptedAuthority>) -> Layer {
    AuthLayer::new(cached, "api/api".parse::<AllowList>().expect("well-formed"))
}

/// One token after another, each good for ten minutes.
pub(crate) fn mk_token(number: usize) -> String {
    mk_token_until(number, NOW + 600)
}

pub(crate) fn mk_token_until(number: usize, exp: u64) -> String {
    let claims = format!(r#"{{"aud":["data-store"],"exp":{exp},"jti":"{number}"}}"#);
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

fn expiry(token: &Token) -> Option<SystemTime> {
    let claims = tonic_kube_auth::UnverifiedClaims::read(token);
    claims.expect("tests send real claims").expires_at
}

/// The head of a call with this token, from a machine.
pub(crate) fn mk_call(token: &str, peer: u8) -> Parts {
    let remote_addr = SocketAddr::new(IpAddr::from([10, 0, 0, peer]), 50_000);
    let request = http::Request::post("/datastore.v1.DataStore/Greet")
        .header("authorization", format!("Bearer {token}"))
        .extension(TcpConnectInfo {
            local_addr: None,
            remote_addr: Some(remote_addr),
        });
    request.body(()).expect("it is well-formed").into_parts().0
}

/// One call with this token; what becomes of it.
pub(crate) async fn call(layer: &Layer, token: &str) -> Result<(), Refusal> {
    let admitted = layer.check(&mut mk_call(token, 1)).await;
    admitted.map(|caller| assert_eq!(caller.service_account().to_string(), "api/api"))
}

/// The moment of expiry of a token made by [`mk_token_until`].
pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}
