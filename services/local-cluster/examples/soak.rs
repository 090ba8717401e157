//! A steady stream of calls to the api, to see that none fails while tokens rotate.
//!
//! ```console
//! $ cargo run -- --token-lifetime 30s                  # in one terminal
//! $ cargo run --example soak -- --seconds 600          # in another
//! ```

#![expect(clippy::print_stdout, reason = "it prints what it counts")]

use std::{collections::BTreeMap, net::SocketAddr, process::ExitCode, time::Duration};

use clap::Parser;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{self, MissedTickBehavior},
};

/// How long one call may take before it counts as failed.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug, Parser)]
struct Args {
    /// Where the api serves; this machine only.
    #[arg(long, default_value = "127.0.0.1:8080")]
    addr: SocketAddr,

    /// Calls a second.
    #[arg(long, default_value_t = 50)]
    rate: u32,

    /// For how long.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args {
        addr,
        rate,
        seconds,
    } = Args::parse();
    if !addr.ip().is_loopback() || rate == 0 {
        println!("a load goes to this machine only, at one call a second or more");
        return ExitCode::from(64);
    }

    let mut ticks = time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls = JoinSet::new();
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..rate * seconds {
        ticks.tick().await;
        calls.spawn(time::timeout(DEADLINE, call(addr)));
        while let Some(ended) = calls.try_join_next() {
            count(&mut outcomes, ended);
        }
    }
    while let Some(ended) = calls.join_next().await {
        count(&mut outcomes, ended);
    }

    let ok = outcomes.remove("200 OK").unwrap_or_default();
    let failed: u32 = outcomes.values().sum();
    for (outcome, count) in &outcomes {
        println!("{count} x {outcome}");
    }
    println!("{ok} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

type Call = Result<Result<StatusCode, String>, time::error::Elapsed>;

fn count(outcomes: &mut BTreeMap<String, u32>, ended: Result<Call, tokio::task::JoinError>) {
    let outcome = match ended {
        Ok(Ok(Ok(status))) => status.to_string(),
        Ok(Ok(Err(error))) => error,
        Ok(Err(_elapsed)) => "no answer in time".to_owned(),
        Err(error) => error.to_string(),
    };
    *outcomes.entry(outcome).or_default() += 1;
}

/// One call on a connection of its own, as curl makes it.
async fn call(addr: SocketAddr) -> Result<StatusCode, String> {
    let stream = TcpStream::connect(addr)
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let request = Request::get("/").header(header::HOST, addr.to_string());
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status();
        response
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        Ok(status)
    };
    tokio::select! {
        outcome = exchange => outcome,
        closed = connection => Err(format!("the connection closed: {closed:?}")),
    }
}
