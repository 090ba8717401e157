//! What the check costs a data store: calls a second with it and without it, and with few callers and many.
//!
//! `cargo bench -p data-store --bench throughput`. Everything is real and in this process: the stand-in cluster, its tokens and reviews, the
//! data store as it is deployed, and beside it the same service behind no check. What is compared takes turns, as the machine may be shared.

#[path = "support/figures.rs"]
#[expect(dead_code, reason = "memory is measured elsewhere")]
mod figures;

use std::{
    error::Error,
    future,
    io::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::Extension;
use data_store::{Embedded, Service};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::config::{KubeConfigOptions, Kubeconfig};
use proto::{
    datastore::v1::{data_store_client::DataStoreClient, data_store_server::SERVICE_NAME},
    records::v1::{GetRecordRequest, GreetRequest, PutRecordRequest},
};
use runtime::{AuthArgs, Bound, Readiness};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};
use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_kube_auth::{AllowList, Audience, AuthLayer, Cached, Caller, Clock, TokenReviewer};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer as _, fmt, layer::SubscriberExt as _};

use self::figures::{ratios, spread};

/// Calls under way at once, and the connections they share.
const IN_FLIGHT: usize = 64;
const CONNECTIONS: usize = 4;

/// How long each takes its turn, and how often.
const TURN: Duration = Duration::from_millis(400);
const ROUNDS: usize = 40;

const CALLERS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

type AnyError = Box<dyn Error + Send + Sync>;

/// A server, the tokens of those who call it, and what they call.
#[derive(Clone)]
struct Target {
    clients: Vec<DataStoreClient<Channel>>,
    tokens: Arc<[AsciiMetadataValue]>,
    method: Method,
}

/// What is called.
#[derive(Clone, Copy, Debug)]
enum Method {
    /// What a data store is for: one record of a hundred bytes, out of memory.
    GetRecord,
    /// The cheapest call there is, as it does nothing but say who was found to call.
    Greet,
}

const KEY: &str = "a-record";
const VALUE: [u8; 100] = [0x5a; 100];

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let mut out = io::stdout();
    let folder = tempfile::tempdir()?;
    let mut config = local_cluster::Config::new(folder.path());
    config.address = any_port();
    let cluster = config.bind().await?;
    let most = CALLERS.into_iter().max().unwrap_or_default();
    writeln!(out, "Minting {most} tokens, and having each reviewed")?;
    let tokens = mint(cluster.cluster(), most).await?;
    let mut running = JoinSet::new();
    let paths = cluster.paths().clone();
    running.spawn(async { cluster.run(future::pending()).await.map_err(AnyError::from) });
    let guarded = guarded(&paths).await?;
    let open = open(&paths, tokens.first().ok_or("there are tokens")?).await?;
    let (admin_addr, addr, open_addr) = (guarded.admin_addr(), guarded.addr(), open.addr());
    running.spawn(async { guarded.run(future::pending()).await.map_err(AnyError::from) });
    running.spawn(async { open.run(future::pending()).await.map_err(AnyError::from) });

    let guarded = Target::new(addr, tokens)?;
    let open = Target {
        tokens: Arc::clone(&guarded.tokens),
        ..Target::new(open_addr, Vec::new())?
    };
    guarded.warm_up().await?;
    let (one, open) = (guarded.with_callers(1), open.with_callers(1));
    for target in [&one, &open] {
        target.write().await?;
        target.turn().await?;
    }

    writeln!(
        out,
        "Unary calls a second, {IN_FLIGHT} under way, {ROUNDS} turns of {TURN:?} each"
    )?;
    for method in [Method::GetRecord, Method::Greet] {
        writeln!(out, "{method:?}")?;
        let (without, with) = compare(&open.calling(method), &one.calling(method)).await?;
        writeln!(
            out,
            "  without the layer     {}\n  with it               {}   ratio {}   (wanted: at least 0.98)",
            spread(&without),
            spread(&with),
            spread(&ratios(&with, &without))
        )?;
    }

    writeln!(out, "With so many distinct callers")?;
    let targets = CALLERS.map(|callers| guarded.with_callers(callers));
    let mut figures = CALLERS.map(|_| Vec::new());
    for _round in 0..ROUNDS {
        for (target, figures) in targets.iter().zip(&mut figures) {
            figures.push(target.turn().await?);
        }
    }
    let [few, ..] = &figures;
    for (callers, many) in CALLERS.iter().zip(&figures) {
        writeln!(
            out,
            "  {callers:>6}   {}   ratio to one {}",
            spread(many),
            spread(&ratios(many, few))
        )?;
    }
    let logs = fmt::layer()
        .with_writer(io::sink)
        .with_filter(LevelFilter::INFO);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(logs))?;
    let (without, logged) = compare(&open, &one).await?;
    writeln!(
        out,
        "Greet, with each verdict written to a log that nobody reads\n  {}   ratio to no layer {}",
        spread(&logged),
        spread(&ratios(&logged, &without))
    )?;

    let reviews = reviews(admin_addr).await?;
    writeln!(
        out,
        "Reviews {reviews} of {most} tokens, each within one cache life: {:.2} a token   (wanted: 1.00)",
        reviews as f64 / most as f64
    )?;
    Ok(())
}

/// Lets both take turns; the calls a second that each made.
async fn compare(one: &Target, other: &Target) -> Result<(Vec<f64>, Vec<f64>), AnyError> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Whoever goes first differs from round to round.
        if round % 2 == 0 {
            ones.push(one.turn().await?);
            others.push(other.turn().await?);
        } else {
            others.push(other.turn().await?);
            ones.push(one.turn().await?);
        }
    }
    Ok((ones, others))
}

// === impl Target ===

impl Target {
    fn new(addr: SocketAddr, tokens: Vec<AsciiMetadataValue>) -> Result<Self, AnyError> {
        let endpoint = Endpoint::from_shared(format!("http://{addr}"))?.tcp_nodelay(true);
        let client = || DataStoreClient::new(endpoint.connect_lazy());
        Ok(Self {
            clients: (0..CONNECTIONS).map(|_| client()).collect(),
            tokens: tokens.into(),
            method: Method::Greet,
        })
    }

    fn calling(&self, method: Method) -> Self {
        let mut target = self.clone();
        target.method = method;
        target
    }

    /// Writes the record that is read.
    async fn write(&self) -> Result<(), AnyError> {
        let mut client = self.clients.first().ok_or("there are connections")?.clone();
        let token = self.tokens.first().ok_or("there are tokens")?.clone();
        let record = PutRecordRequest {
            key: KEY.to_owned(),
            value: VALUE.to_vec().into(),
            ..PutRecordRequest::default()
        };
        client.put_record(bearing(record, token)).await?;
        Ok(())
    }

    /// The same server, called by the first so many.
    fn with_callers(&self, callers: usize) -> Self {
        Self {
            tokens: self.tokens.iter().take(callers).cloned().collect(),
            ..self.clone()
        }
    }

    /// Makes every caller known, few at a time, so that none is shed.
    async fn warm_up(&self) -> Result<(), Status> {
        let client = self.clients.first().expect("there are connections");
        stream::iter(self.tokens.iter().map(Ok))
            .try_for_each_concurrent(8, |token| {
                call(client.clone(), Method::Greet, token.clone())
            })
            .await
    }

    /// Calls for as long as a turn is; how many calls a second that made.
    async fn turn(&self) -> Result<f64, AnyError> {
        let began = Instant::now();
        let workers = (0..IN_FLIGHT)
            .zip(self.clients.iter().cycle())
            .map(|(worker, client)| {
                let (client, tokens) = (client.clone(), Arc::clone(&self.tokens));
                let method = self.method;
                tokio::spawn(async move {
                    let mut calls = 0;
                    // Each worker has callers of its own, as far as there are enough.
                    let tokens = tokens.iter().cycle().skip(worker).step_by(IN_FLIGHT);
                    for token in tokens {
                        if began.elapsed() >= TURN {
                            break;
                        }
                        call(client.clone(), method, token.clone()).await?;
                        calls += 1;
                    }
                    Ok::<_, Status>(calls)
                })
            });
        let mut calls = 0;
        for worker in workers.collect::<Vec<_>>() {
            calls += worker.await??;
        }
        Ok(f64::from(calls) / began.elapsed().as_secs_f64())
    }
}

async fn call(
    mut client: DataStoreClient<Channel>,
    method: Method,
    token: AsciiMetadataValue,
) -> Result<(), Status> {
    match method {
        Method::GetRecord => {
            let key = KEY.to_owned();
            let request = bearing(GetRecordRequest { key }, token);
            client.get_record(request).await.map(drop)
        }
        Method::Greet => {
            let request = bearing(GreetRequest {}, token);
            client.greet(request).await.map(drop)
        }
    }
}

fn bearing<T>(message: T, bearer: AsciiMetadataValue) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// Tokens of `api/api`, each one another's; as many at once as there are cores.
async fn mint(
    cluster: &local_cluster::Cluster,
    tokens: usize,
) -> Result<Vec<AsciiMetadataValue>, AnyError> {
    let minted = stream::iter(0..tokens).map(|_| {
        let cluster = cluster.clone();
        tokio::task::spawn_blocking(move || {
            let hour = Duration::from_secs(3_600);
            cluster.mint("api", "api", &["data-store"], hour)
        })
    });
    let minted = minted.buffer_unordered(2).map(|minted| {
        let bearer = format!("Bearer {}", minted??.expose());
        Ok(bearer.parse()?)
    });
    minted.try_collect().await
}

/// The data store as it is deployed. A cache life is longer than all of this takes.
async fn guarded(paths: &local_cluster::Paths) -> Result<Bound, AnyError> {
    let config = data_store::Config {
        listen_addr: any_port(),
        admin_addr: any_port(),
        storage: "memory:".to_owned(),
        ..data_store::Config::new(AuthArgs {
            kubeconfig: Some(paths.data_store_kubeconfig()),
            cache_ttl: Duration::from_secs(3_600),
            ..AuthArgs::new("data-store", "api/api")
        })
    };
    Ok(config.bind().await?)
}

/// The same service behind no check: every call is given the proof that one of the tokens was found to be, and answers the same.
async fn open(paths: &local_cluster::Paths, token: &AsciiMetadataValue) -> Result<Bound, AnyError> {
    let kubeconfig = Kubeconfig::read_from(paths.data_store_kubeconfig())?;
    let options = KubeConfigOptions::default();
    let kubernetes = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    let audience: Audience = "data-store".parse()?;
    let reviewer = TokenReviewer::connect(kubernetes, audience.clone())?;
    let allow: AllowList = "api/api".parse()?;
    let request = http::Request::builder().header("authorization", token.to_str()?);
    let (mut head, ()) = request.body(())?.into_parts();
    let auth = AuthLayer::new(Cached::new(reviewer, audience), allow);
    let proof: Caller = auth.check(&mut head).await?;

    let storage = Embedded::in_memory(10).await?;
    let (mut routes, health) = runtime::grpc_routes(proto::FILE_DESCRIPTOR_SET, SERVICE_NAME).await;
    routes.add_service(Service::new(storage, Clock::system()).into_server());
    let router = routes.routes().into_axum_router().layer(Extension(proof));
    let listener = runtime::listen(any_port()).await?;
    let admin_listener = runtime::listen(any_port()).await?;
    Ok(Bound::new(
        listener,
        admin_listener,
        router,
        health,
        Readiness::new(),
    ))
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// How many reviews the data store has made, as it tells everybody.
async fn reviews(admin_addr: SocketAddr) -> Result<u64, AnyError> {
    let mut stream = TcpStream::connect(admin_addr).await?;
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let counts = text
        .lines()
        .filter(|line| line.starts_with("auth_server_review_duration_seconds_count"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    Ok(counts.sum())
}
