//! A flood of bad tokens on the data store, to see that it changes nothing for a good caller.
//!
//! ```console
//! $ cargo run --release -- --cluster-only                                                          # in one terminal
//! $ KUBECONFIG=.local/data-store.kubeconfig cargo run --release --bin data-store -- \
//!     --audience data-store --allow api/api --storage memory:                                      # in another
//! $ cargo run --release --example flood -- --pid $(pidof data-store)                               # in a third
//! ```
//!
//! Each token is well-formed, for the right audience, not expired, and signed by nobody; no two are the same. They come from the machine of
//! the good caller, which is the worst place.

#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::{
    collections::BTreeMap, error::Error, fs, io, net::SocketAddr, path::PathBuf, time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Parser;
use proto::{datastore::v1::data_store_client::DataStoreClient, records::v1::GreetRequest};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{self, Instant, MissedTickBehavior},
};
use tonic::{
    Code, Request, Status,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

/// How long one call may take before it counts as failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long to watch the good caller alone.
const QUIET: Duration = Duration::from_secs(10);

/// How often the good caller calls, and how often is looked at what the data store counts.
const CALL_INTERVAL: Duration = Duration::from_millis(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How many bad calls go together.
const BURST: u32 = 10;

#[derive(Clone, Debug, Parser)]
struct Args {
    /// Where the data store serves; this machine only.
    #[arg(long, default_value = "127.0.0.1:8081")]
    addr: SocketAddr,

    /// Where it shows what it counts.
    #[arg(long, default_value = "127.0.0.1:9081")]
    admin_addr: SocketAddr,

    /// The good caller's token.
    #[arg(long, default_value = ".local/pods/api/api/tokens/api-token")]
    token_path: PathBuf,

    /// How many bad tokens.
    #[arg(long, default_value_t = 1_000_000)]
    tokens: u32,

    /// How many of them a second.
    #[arg(long, default_value_t = 5_000)]
    rate: u32,

    /// The data store's process, to see how its memory grows.
    #[arg(long)]
    pid: Option<u32>,
}

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let args = Args::parse();
    if !args.addr.ip().is_loopback() || args.rate < BURST {
        return Err(
            format!("a load goes to this machine only, at {BURST} calls a second or more").into(),
        );
    }
    let endpoint = Endpoint::from_shared(format!("http://{}", args.addr))?.tcp_nodelay(true);
    let client = || DataStoreClient::new(endpoint.connect_lazy());

    let (_never, stays) = watch::channel(false);
    let quiet = good_caller(args.clone(), stays, Some(QUIET)).await?;
    report("quiet", &quiet);

    let before = resident(args.pid)?;
    let (tx, rx) = watch::channel(false);
    let watching = tokio::spawn(most_in_flight(args.admin_addr, tx.subscribe()));
    let good = tokio::spawn(good_caller(args.clone(), rx, None));
    let outcomes = flood([client(), client(), client(), client()], &args).await?;
    tx.send_replace(true);
    let noisy = good.await??;
    report("in the flood", &noisy);
    println!(
        "p99 ratio    {:.2}   (wanted: at most 2)",
        percentile(&noisy, 99.0) / percentile(&quiet, 99.0)
    );
    println!("bad tokens   {outcomes:?}");
    println!("reviews under way, at most   {}", watching.await??);
    let grown = resident(args.pid)?
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before));
    match grown {
        Some(grown) => println!(
            "resident memory grew by      {:.1} MiB   (wanted: less than 32)",
            grown as f64 / 1024.0
        ),
        None => println!("resident memory: name the process with --pid"),
    }
    Ok(())
}

fn report(when: &str, latencies: &[f64]) {
    let [p50, p99, p999] = [50.0, 99.0, 99.9].map(|percent| percentile(latencies, percent));
    println!(
        "{when:<13} {} good calls, none failed; p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms",
        latencies.len()
    );
}

/// Calls steadily until it is over, on a thread of its own so that the making of the flood is not measured; how long each call took, in
/// milliseconds.
async fn good_caller(
    args: Args,
    mut over: watch::Receiver<bool>,
    patience: Option<Duration>,
) -> Result<Vec<f64>, AnyError> {
    let calling = async move {
        let endpoint = Endpoint::from_shared(format!("http://{}", args.addr))?.tcp_nodelay(true);
        let mut client = DataStoreClient::new(endpoint.connect_lazy());
        let mut ticks = time::interval(CALL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = std::pin::pin!(async {
            match patience {
                Some(patience) => time::sleep(patience).await,
                None => drop(over.wait_for(|over| *over).await),
            }
        });
        let mut latencies = Vec::new();
        loop {
            tokio::select! {
                () = &mut end => return Ok(latencies),
                _ = ticks.tick() => (),
            }
            // Read anew, as the kubelet may have replaced it.
            let token = fs::read_to_string(&args.token_path)?;
            let began = Instant::now();
            call(&mut client, &token).await?;
            latencies.push(began.elapsed().as_secs_f64() * 1e3);
        }
    };
    let thread = tokio::task::spawn_blocking(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build()?.block_on(calling)
    });
    thread.await?
}

/// Calls with one bad token after another; what became of them.
async fn flood(
    clients: [DataStoreClient<Channel>; 4],
    args: &Args,
) -> Result<BTreeMap<String, u32>, AnyError> {
    let mut ticks = time::interval(Duration::from_secs(1) * BURST / args.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut calls, mut outcomes) = (JoinSet::new(), BTreeMap::new());
    for (number, client) in (0..args.tokens).zip(clients.iter().cycle()) {
        if number % BURST == 0 {
            ticks.tick().await;
        }
        let mut client = client.clone();
        calls.spawn(async move { call(&mut client, &bad_token(number)).await });
        while let Some(ended) = calls.try_join_next() {
            count(&mut outcomes, ended?);
        }
    }
    while let Some(ended) = calls.join_next().await {
        count(&mut outcomes, ended?);
    }
    Ok(outcomes)
}

fn count(outcomes: &mut BTreeMap<String, u32>, outcome: Result<(), Status>) {
    let outcome = match outcome {
        Ok(()) => "ADMITTED".to_owned(),
        Err(status) => match status.get_details_error_info() {
            Some(info) => info.reason,
            None => status.to_string(),
        },
    };
    *outcomes.entry(outcome).or_default() += 1;
}

async fn call(client: &mut DataStoreClient<Channel>, token: &str) -> Result<(), Status> {
    let bearer = format!("Bearer {}", token.trim());
    let bearer: AsciiMetadataValue = bearer
        .parse()
        .map_err(|_not_ascii| Status::new(Code::InvalidArgument, "the token is no token"))?;
    let mut request = Request::new(GreetRequest {});
    request.metadata_mut().insert("authorization", bearer);
    request.set_timeout(DEADLINE);
    client.greet(request).await.map(drop)
}

/// A token of the make of a real one.
fn bad_token(number: u32) -> String {
    let claims = format!(
        r#"{{"aud":["data-store"],"exp":4102444800,"iss":"https://kubernetes.default.svc.cluster.local","jti":"{number}","sub":"system:serviceaccount:api:api"}}"#
    );
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"nobodys"}"#);
    let signature = URL_SAFE_NO_PAD.encode([0x5a; 256]);
    format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims))
}

/// The most reviews that were under way whenever we looked, until it is over.
async fn most_in_flight(
    admin_addr: SocketAddr,
    mut over: watch::Receiver<bool>,
) -> Result<u32, AnyError> {
    let mut most = 0;
    let mut ticks = time::interval(LOOK_INTERVAL);
    while !*over.borrow_and_update() {
        ticks.tick().await;
        let mut stream = TcpStream::connect(admin_addr).await?;
        let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await?;
        let mut metrics = String::new();
        stream.read_to_string(&mut metrics).await?;
        let mut lines = metrics.lines();
        let gauge = lines.find_map(|line| line.strip_prefix("auth_server_reviews_in_flight "));
        most = most.max(gauge.ok_or("the data store counts its reviews")?.parse()?);
    }
    Ok(most)
}

/// The resident memory of a process, in KiB.
fn resident(pid: Option<u32>) -> io::Result<Option<u64>> {
    let Some(pid) = pid else { return Ok(None) };
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()))
}

fn percentile(latencies: &[f64], percent: f64) -> f64 {
    let mut sorted = latencies.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() as f64 * percent / 100.0) as usize;
    sorted
        .get(index.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
