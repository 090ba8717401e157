//! How a test proves who calls: the same way as everybody. Shared by the tests inside the crate and out.

use std::{
    convert::Infallible,
    future,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use futures::FutureExt as _;
use tonic::Request;
use tonic_kube_auth::{AllowList, AuthLayer, Caller, Identity, Token};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// A request of somebody who was proven to call.
pub(crate) fn mk_request<T>(message: T) -> Request<T> {
    let mut req = Request::new(message);
    req.extensions_mut().insert(mk_caller());
    req
}

/// Only a check that was passed can make a proof, so one is passed.
fn mk_caller() -> Caller {
    let identity = Arc::new(Identity {
        username: "system:serviceaccount:api:api".to_owned(),
        audiences: vec!["data-store".to_owned()],
        expires_at: Some(UNIX_EPOCH + Duration::from_secs(2_000)),
        ..Identity::default()
    });
    let authenticator = move |_token: &Token| future::ready(Ok(Arc::clone(&identity)));
    let (tx, rx) = std::sync::mpsc::channel();
    let handler = service_fn(move |req: http::Request<()>| {
        let caller = Caller::of(req.extensions()).unwrap();
        tx.send(caller.clone()).unwrap();
        future::ready(Ok::<_, Infallible>(http::Response::new(())))
    });
    let allow: AllowList = "api/api".parse().unwrap();
    let layer = AuthLayer::new(authenticator, "data-store".parse().unwrap(), allow);
    let req = http::Request::builder().header("x-client-id", "e30.e30.c2ln");
    let call = layer.layer(handler).oneshot(req.body(()).unwrap());
    call.now_or_never().unwrap().unwrap();
    rx.recv().unwrap()
}
