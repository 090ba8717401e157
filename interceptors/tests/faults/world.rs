//! A service behind the layer, and the API server it asks.

use std::{
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use serde_json::Value;
use tokio::{sync::watch, task::JoinSet};
use tonic::Status;
use tonic_kube_auth::{
    AllowList, Audience, AuthLayer, Cached, Clock, Standing, TokenReviewer, status_json,
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::kubernetes;

/// What time it is, in seconds since the epoch, unless a clock is off.
pub(crate) const NOW: i64 = 1_795_454_840;

/// How far a clock is off when it is, in seconds.
const STEP: i64 = 5 * 60;

/// The fault that holds, by its name in the table.
pub(crate) type Faults = watch::Sender<Option<&'static str>>;

/// A service behind the layer, and the API server it asks.
pub(crate) struct World {
    faults: Faults,
    layer: AuthLayer<TokenReviewer, AllowList>,
    standing: watch::Receiver<Standing>,
    /// The API server, and the task that keeps the standing true.
    _tasks: JoinSet<()>,
}

// === impl World ===

impl World {
    /// All is well, and known to be.
    pub(crate) async fn start() -> Self {
        let faults = Faults::default();
        let (transport, handle) = tower_test::mock::pair();
        let client = kube::Client::new(transport, "default");
        let audience: Audience = "data-store".parse().unwrap();
        let reviewer = TokenReviewer::new(client, audience.clone());
        let mut standing = reviewer.standing();
        let mut tasks = JoinSet::new();
        tasks.spawn(kubernetes::serve(handle, faults.subscribe()));
        tasks.spawn({
            let reviewer = reviewer.clone();
            async move { reviewer.keep_standing().await }
        });
        let good = standing.wait_for(|standing| *standing == Standing::Good);
        drop(good.await.unwrap());
        Self {
            layer: mk_layer(reviewer, audience, clock(faults.subscribe())),
            faults,
            standing,
            _tasks: tasks,
        }
    }

    /// Has a fault hold, or none.
    pub(crate) fn set(&self, fault: Option<&'static str>) {
        self.faults.send_replace(fault);
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// One call with this token: the gRPC code by name, and the reason if it is refused.
    pub(crate) async fn call(&self, token: &str) -> (String, Option<String>) {
        let service = self
            .layer
            .layer(service_fn(async |_: Request<Full<Bytes>>| {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }));
        let request = Request::post("/datastore.v1.DataStore/Greet")
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::default());
        let response = service.oneshot(request.unwrap()).await.unwrap();
        let Some(status) = Status::from_header_map(response.headers()) else {
            return ("OK".to_owned(), None);
        };
        let status: Value = serde_json::from_str(&status_json(&status)).unwrap();
        let reason = status["details"][0]["reason"].as_str();
        let code = status["status"].as_str().unwrap();
        (code.to_owned(), reason.map(str::to_owned))
    }
}

/// The one place that puts the layer together.
fn mk_layer(
    reviewer: TokenReviewer,
    audience: Audience,
    clock: Clock,
) -> AuthLayer<TokenReviewer, AllowList> {
    let cached = Cached::new(reviewer, audience).with_clock(clock);
    AuthLayer::new(cached, "api/api".parse::<AllowList>().unwrap())
}

fn clock(faults: watch::Receiver<Option<&'static str>>) -> Clock {
    Clock::from_fn(move || {
        let off = match *faults.borrow() {
            Some("clock-ahead") => STEP,
            Some("clock-behind") => -STEP,
            _ => 0,
        };
        UNIX_EPOCH + Duration::from_secs((NOW + off).unsigned_abs())
    })
}

/// One token after another, each good for ten minutes.
pub(crate) fn mk_token(number: usize) -> String {
    mk_token_until(number, 600)
}

/// A token that has so many seconds left.
pub(crate) fn mk_token_until(number: usize, left: i64) -> String {
    let exp = NOW + left;
    let claims = format!(r#"{{"aud":["data-store"],"exp":{exp},"jti":"{number}"}}"#);
    let signature = URL_SAFE_NO_PAD.encode([0x5a; 256]);
    format!("e30.{}.{signature}", URL_SAFE_NO_PAD.encode(claims))
}
