//! How many calls a second, and how long one takes.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use proto::{
    api::v1::api_client::ApiClient,
    datastore::v1::data_store_client::DataStoreClient,
    records::v1::{GetRecordRequest, PutRecordRequest},
};
use tokio::{net::TcpStream, time::Instant};
use tonic::transport::{Channel, Endpoint};
use tonic_kube_auth::{AttachToken, Retry, TokenFollower, TokenSource};

use crate::{
    AnyError,
    figures::{ratios, spread},
};

/// Calls under way at once, and the connections that those in gRPC share. In HTTP/1.1 each has one of its own.
const IN_FLIGHT: usize = 64;
const CONNECTIONS: usize = 4;

/// How long each takes its turn, and how often.
const TURN: Duration = Duration::from_millis(400);
const ROUNDS: usize = 30;

/// How many calls one after the other a turn is, where it is asked how long one takes.
const CALLS: usize = 200;

const KEY: &str = "a-record";
const VALUE: [u8; 100] = [b'v'; 100];

/// One who calls, over and over.
trait Caller: Send + 'static {
    fn call(&mut self) -> BoxFuture<'_, Result<(), AnyError>>;
}

struct OverGrpc(ApiClient<Channel>);

struct Direct(DataStoreClient<Retry<Channel>>);

struct OverHttp {
    sender: SendRequest<Empty<Bytes>>,
    accept: &'static str,
}

pub(crate) async fn measure(
    api: SocketAddr,
    data_store: SocketAddr,
    token_path: &Path,
) -> Result<(), AnyError> {
    let follower = TokenFollower::start(TokenSource::new(token_path)).await?;
    let endpoint = endpoint(data_store)?;
    let attach = AttachToken::new(follower.token(), endpoint.uri())?;
    let direct = DataStoreClient::new(attach.on(endpoint.connect_lazy()));
    write(direct.clone()).await?;

    let mut out = io::stdout();
    writeln!(
        out,
        "A record of {} bytes, read through the api: calls a second, {IN_FLIGHT} under way, {ROUNDS} turns of {TURN:?} each",
        VALUE.len()
    )?;
    let mut grpc = Vec::new();
    for _connection in 0..CONNECTIONS {
        grpc.push(ApiClient::new(crate::calls::endpoint(api)?.connect_lazy()));
    }
    let (mut over_grpc, mut over_http, mut in_json) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        let callers = grpc.iter().cycle().cloned().map(OverGrpc);
        over_grpc.push(turn(callers.take(IN_FLIGHT)).await?);
        over_http.push(turn(http_callers(api, "*/*").await?).await?);
        in_json.push(turn(http_callers(api, "application/json").await?).await?);
    }
    writeln!(out, "  gRPC                  {}", spread(&over_grpc))?;
    for (name, figures) in [
        ("HTTP, the value       ", over_http),
        ("HTTP, all of it, JSON ", in_json),
    ] {
        let ratio = spread(&ratios(&figures, &over_grpc));
        writeln!(
            out,
            "  {name}{}   ratio {ratio}   (wanted: at least 0.8)",
            spread(&figures)
        )?;
    }

    writeln!(
        out,
        "How long one takes, one at a time: the median of {CALLS}, {ROUNDS} turns"
    )?;
    let mut direct = Direct(direct);
    let mut grpc = OverGrpc(ApiClient::new(crate::calls::endpoint(api)?.connect_lazy()));
    let mut http = OverHttp::new(api, "*/*").await?;
    let (mut straight, mut through_grpc, mut through_http) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        straight.push(median(&mut direct).await?);
        through_grpc.push(median(&mut grpc).await?);
        through_http.push(median(&mut http).await?);
    }
    let added: Vec<_> = through_http
        .iter()
        .zip(&straight)
        .map(|(through, straight)| through - straight)
        .collect();
    writeln!(out, "  gRPC to the data store     {} µs", spread(&straight))?;
    writeln!(
        out,
        "  gRPC through the api       {} µs",
        spread(&through_grpc)
    )?;
    writeln!(
        out,
        "  HTTP through the api       {} µs",
        spread(&through_http)
    )?;
    writeln!(
        out,
        "  added by the api in HTTP   {} µs   (wanted: at most 150)",
        spread(&added)
    )?;
    Ok(())
}

async fn write(mut direct: DataStoreClient<Retry<Channel>>) -> Result<(), AnyError> {
    let record = PutRecordRequest {
        key: KEY.to_owned(),
        value: VALUE.to_vec().into(),
        ..PutRecordRequest::default()
    };
    direct.put_record(record).await?;
    Ok(())
}

/// All of them call for as long as a turn is; how many calls a second that made.
async fn turn<C: Caller>(callers: impl IntoIterator<Item = C>) -> Result<f64, AnyError> {
    let began = Instant::now();
    let workers: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            tokio::spawn(async move {
                let mut calls = 0;
                while began.elapsed() < TURN {
                    caller.call().await?;
                    calls += 1;
                }
                Ok::<_, AnyError>(calls)
            })
        })
        .collect();
    let mut calls = 0;
    for worker in workers {
        calls += worker.await??;
    }
    Ok(f64::from(calls) / began.elapsed().as_secs_f64())
}

/// The median of some calls, in microseconds.
async fn median(caller: &mut impl Caller) -> Result<f64, AnyError> {
    let mut times = Vec::new();
    for _call in 0..CALLS {
        let began = Instant::now();
        caller.call().await?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(CALLS / 2).copied().unwrap_or(f64::NAN))
}

fn endpoint(addr: SocketAddr) -> Result<Endpoint, AnyError> {
    Ok(Endpoint::from_shared(format!("http://{addr}"))?.tcp_nodelay(true))
}

async fn http_callers(api: SocketAddr, accept: &'static str) -> Result<Vec<OverHttp>, AnyError> {
    let mut callers = Vec::new();
    for _caller in 0..IN_FLIGHT {
        callers.push(OverHttp::new(api, accept).await?);
    }
    Ok(callers)
}

// === impl OverGrpc ===

impl Caller for OverGrpc {
    fn call(&mut self) -> BoxFuture<'_, Result<(), AnyError>> {
        Box::pin(async {
            let key = KEY.to_owned();
            self.0.get_record(GetRecordRequest { key }).await?;
            Ok(())
        })
    }
}

// === impl Direct ===

impl Caller for Direct {
    fn call(&mut self) -> BoxFuture<'_, Result<(), AnyError>> {
        Box::pin(async {
            let key = KEY.to_owned();
            self.0.get_record(GetRecordRequest { key }).await?;
            Ok(())
        })
    }
}

// === impl OverHttp ===

impl OverHttp {
    async fn new(api: SocketAddr, accept: &'static str) -> Result<Self, AnyError> {
        let stream = TcpStream::connect(api).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with its sender.
        tokio::spawn(connection);
        Ok(Self { sender, accept })
    }
}

impl Caller for OverHttp {
    fn call(&mut self) -> BoxFuture<'_, Result<(), AnyError>> {
        Box::pin(async {
            let request = Request::get(format!("/v1/records/{KEY}"))
                .header(header::HOST, "localhost")
                .header(header::ACCEPT, self.accept)
                .body(Empty::new())?;
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            if !status.is_success() || body.len() < VALUE.len() {
                return Err(format!("{status}: {body:?}").into());
            }
            Ok(())
        })
    }
}
