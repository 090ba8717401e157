use std::{future, net::SocketAddr};

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;

use super::{
    accept::{GRACE, serve},
    front::CALL_DEADLINE,
    server::{PATIENCE, Server},
};
use crate::listen;

mod hosts;
mod http1;
mod http2;
mod long;
mod refusals;
mod stall;
mod support;
mod tls;

/// Serves `router` on a free port.
async fn start(router: Router) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
    let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.addr();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, Server::new(router), stop.clone()));
    (addr, stop, task)
}

async fn ask(addr: SocketAddr, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request =
        format!("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_asks_anything_is_closed() {
    let (addr, _stop, _task) = start(Router::new()).await;
    let began = Instant::now();

    for beginning in ["", "PRI * HT"] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();

        // Closed, one way or the other.
        let _end_or_reset = stream.read_to_end(&mut Vec::new()).await;
    }

    assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_does_not_begin_is_ended_in_the_callers_language() {
    let (addr, _stop, _task) = start(Router::new().route("/", get(future::pending::<()>))).await;
    let began = Instant::now();

    let http = answer(ask(addr, "").await).await;
    assert!(http.starts_with("HTTP/1.1 504"), "{http}");
    assert!(http.contains(r#""status":"DEADLINE_EXCEEDED""#), "{http}");
    assert!(began.elapsed() >= CALL_DEADLINE);

    let grpc = answer(ask(addr, "content-type: application/grpc\r\n").await).await;
    assert!(grpc.starts_with("HTTP/1.1 200"), "{grpc}");
    assert!(grpc.contains("grpc-status: 4"), "{grpc}");
}

#[tokio::test]
async fn a_stop_lets_a_call_under_way_finish_and_takes_no_other() {
    let (arrived_tx, mut arrived) = mpsc::channel(1);
    let (go_on, wait) = oneshot::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(Some(wait)));
    let handler = async move || {
        let wait = wait.lock().unwrap().take().unwrap();
        arrived_tx.send(()).await.unwrap();
        wait.await.unwrap();
        "finished"
    };
    let (addr, stop, task) = start(Router::new().route("/", get(handler))).await;
    let call = ask(addr, "").await;
    arrived.recv().await.unwrap();

    stop.cancel();
    go_on.send(()).unwrap();

    assert!(answer(call).await.ends_with("finished"));
    task.await.unwrap();
    TcpStream::connect(addr).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlasts_the_grace_is_cut() {
    let (arrived_tx, mut arrived) = mpsc::channel(1);
    let handler = async move || {
        arrived_tx.send(()).await.unwrap();
        future::pending::<()>().await;
    };
    let (addr, stop, task) = start(Router::new().route("/", get(handler))).await;
    let _call = ask(addr, "").await;
    arrived.recv().await.unwrap();
    let began = Instant::now();

    stop.cancel();
    task.await.unwrap();

    assert_eq!(began.elapsed(), GRACE);
}

#[tokio::test]
async fn a_handler_can_tell_which_machine_calls() {
    let peer = async |request: axum::extract::Request| {
        let connection = request.extensions().get::<TcpConnectInfo>().unwrap();
        connection.remote_addr().unwrap().to_string()
    };
    let (addr, _stop, _task) = start(Router::new().route("/", get(peer))).await;

    let stream = ask(addr, "").await;
    let own = stream.local_addr().unwrap().to_string();

    assert!(answer(stream).await.ends_with(&own));
}
