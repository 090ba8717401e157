//! How a test proves who calls: the same way as everybody.

use std::{
    future,
    time::{Duration, UNIX_EPOCH},
};

use tonic::Request;
use tonic_kube_auth::{AllowList, AuthLayer, Cached, Caller, Token, UserInfo};

/// A request of somebody who was proven to call.
pub(crate) fn mk_request<T>(message: T) -> Request<T> {
    let mut req = Request::new(message);
    req.extensions_mut().insert(mk_caller());
    req
}

/// Only a check that was passed can make a proof, so one is passed, on a runtime of its own.
fn mk_caller() -> Caller {
    let authenticator = |_token: &Token| {
        future::ready(Ok(UserInfo {
            username: "system:serviceaccount:api:api".to_owned(),
            audiences: vec!["data-store".to_owned()],
            expires_at: Some(UNIX_EPOCH + Duration::from_secs(2_000)),
            ..UserInfo::default()
        }))
    };
    let check = async move {
        let allow: AllowList = "api/api".parse().unwrap();
        let cached = Cached::new(authenticator, "data-store".parse().unwrap());
        let req = http::Request::builder().header("x-client-id", "e30.e30.c2ln");
        let (mut head, ()) = req.body(()).unwrap().into_parts();
        AuthLayer::new(cached, allow)
            .check(&mut head)
            .await
            .unwrap()
    };
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.build().unwrap().block_on(check)
    };
    std::thread::scope(|scope| scope.spawn(runtime).join().unwrap())
}
