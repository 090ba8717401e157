//! What a warm check costs, beside the keyed hash that it cannot do without; and what a cached identity takes.
//!
//! `cargo bench -p tonic-kube-auth --bench check`. Both are measured in alternating rounds of one run, as the machine may be shared.

use std::{
    collections::BTreeMap,
    fs, future,
    hint::black_box,
    io::{self, Write as _},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::FutureExt as _;
use http::{HeaderValue, Request, header, request::Parts};
use ring::{hmac, rand::SystemRandom};
use tokio::time::Instant;
use tonic_kube_auth::{
    AllowList, AuthLayer, Authenticate, Cached, Clock, Token, UnverifiedClaims, UserInfo,
};

const ROUNDS: usize = 301;
const CALLS: usize = 1_000;
const IDENTITIES: usize = 100_000;

/// What time it is, in seconds since the epoch.
const NOW: u64 = 1_795_454_840;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let layer = AuthLayer::new(mk_cached(), mk_allow_list());
    let token = mk_token(0);
    check(&layer, &mut mk_call(&token)).await;

    writeln!(
        out,
        "A warm check of a token of {} bytes, beside its keyed hash alone",
        token.len()
    )?;
    let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).expect("randomness");
    let hash = || {
        for _call in 0..CALLS {
            black_box(hmac::sign(&key, black_box(token.as_bytes())));
        }
    };
    let mut hashes = Vec::new();
    let mut checks = Vec::new();
    let mut ratios = Vec::new();
    for _round in 0..ROUNDS {
        let mut calls: Vec<_> = (0..CALLS).map(|_| mk_call(&token)).collect();
        let hashing = timed(hash);
        let checking = timed(|| {
            for call in &mut calls {
                black_box(check(&layer, call).now_or_never()).expect("a warm check must not wait");
            }
        });
        hashes.push(per_call(hashing));
        checks.push(per_call(checking));
        ratios.push(checking.as_secs_f64() / hashing.as_secs_f64());
    }
    writeln!(out, "  keyed hash   {} ns", spread(&mut hashes))?;
    writeln!(out, "  warm check   {} ns", spread(&mut checks))?;
    writeln!(
        out,
        "  ratio        {}   (wanted: at most 1.5)",
        spread(&mut ratios)
    )?;

    let mut call = mk_call(&token);
    let allocated = allocation_counter::measure(|| {
        check(&layer, &mut call)
            .now_or_never()
            .expect("a warm check must not wait");
    });
    writeln!(out, "  allocations  {}", allocated.count_total)?;
    assert_eq!(allocated.count_total, 0, "a warm check must not allocate");

    let before = resident()?;
    let layer = AuthLayer::new(mk_cached(), mk_allow_list());
    for number in 0..IDENTITIES {
        check(&layer, &mut mk_call(&mk_token(number))).await;
    }
    let grown = resident()?.saturating_sub(before);
    writeln!(
        out,
        "{IDENTITIES} cached identities, each with its pod and node\n  resident     {:.1} MB   (wanted: at most 100)",
        grown as f64 / 1e6
    )?;
    // Whoever had to be asked about would have to wait.
    let known = (0..IDENTITIES).filter(|number| {
        let mut call = mk_call(&mk_token(*number));
        layer.check(&mut call).now_or_never().is_some()
    });
    writeln!(out, "  still known  {}", known.count())
}

type Layer<A> = AuthLayer<A, AllowList>;

async fn check<A: Authenticate>(layer: &Layer<A>, call: &mut Parts) {
    layer.check(call).await.expect("the caller is allowed");
}

/// An authority that says of each token whose it is, as a real one was recorded to.
fn mk_cached() -> Cached<impl Authenticate> {
    let authority = |token: &Token| {
        let claims = UnverifiedClaims::read(token).expect("the token is a real one");
        let number = number_of(token.expose());
        let extra: BTreeMap<_, _> = [
            (
                "credential-id",
                format!("JTI=fd09b4bb-77e3-4688-b9a7-{number:012x}"),
            ),
            ("node-name", format!("worker-{}", number % 100)),
            (
                "node-uid",
                format!("ec76bda7-e1ae-49b2-ac5a-{:012x}", number % 100),
            ),
            ("pod-name", format!("api-7c5ddbdf54-{number:012x}")),
            ("pod-uid", format!("11db0327-6f51-4c58-a866-{number:012x}")),
        ]
        .into_iter()
        .map(|(key, value)| (format!("authentication.kubernetes.io/{key}"), vec![value]))
        .collect();
        future::ready(Ok(UserInfo {
            username: "system:serviceaccount:api:api".to_owned(),
            uid: "de6b3899-8f2d-4526-a199-219073c6ae5d".to_owned(),
            groups: [
                "system:serviceaccounts",
                "system:serviceaccounts:api",
                "system:authenticated",
            ]
            .map(str::to_owned)
            .to_vec(),
            extra,
            audiences: vec!["data-store".to_owned()],
            expires_at: claims.expires_at,
        }))
    };
    Cached::new(authority, "data-store".parse().expect("well-formed"))
        .with_clock(Clock::stopped_at(NOW))
        .with_cache_ttl(Duration::from_secs(600))
}

/// The last eight digits of a token of ours, which count them.
fn number_of(token: &str) -> u64 {
    let digits = token.len().saturating_sub(8);
    token.get(digits..).unwrap_or_default().parse().unwrap_or(0)
}

fn mk_allow_list() -> AllowList {
    "api/api,jobs/*".parse().expect("well-formed")
}

/// A token of the length and the make of a recorded one; only the signature is none.
fn mk_token(number: usize) -> String {
    let header = r#"{"alg":"RS256","kid":"ZZDZKrgKbbWGdUpI3zxqEECycDAmzqyWZpYzxvcK1rs"}"#;
    let payload = format!(
        r#"{{"aud":["data-store"],"exp":{},"iat":{NOW},"iss":"https://kubernetes.default.svc","jti":"fe4243e7-f046-41f1-86d5-5a83f5363126","kubernetes.io":{{"namespace":"api","node":{{"name":"vm","uid":"ec76bda7-e1ae-49b2-ac5a-0d29e352579f"}},"pod":{{"name":"tokenpod","uid":"11db0327-6f51-4c58-a866-52faf2d0700b"}},"serviceaccount":{{"name":"api","uid":"de6b3899-8f2d-4526-a199-219073c6ae5d"}}}},"nbf":{NOW},"sub":"system:serviceaccount:api:api"}}"#,
        NOW + 600
    );
    format!(
        "{}.{}.{}{number:08}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload),
        "s".repeat(334)
    )
}

/// The head of a call as tonic's client sends it.
fn mk_call(token: &str) -> Parts {
    let bearer = HeaderValue::try_from(format!("Bearer {token}")).expect("a token makes a header");
    let request = Request::post("http://app.data-store.svc/datastore.v1.DataStore/GetRecord")
        .header(header::TE, "trailers")
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::AUTHORIZATION, bearer)
        .header("grpc-timeout", "5000000u")
        .header(header::USER_AGENT, "tonic/0.14.9");
    request.body(()).expect("well-formed").into_parts().0
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn per_call(took: Duration) -> f64 {
    took.as_secs_f64() * 1e9 / CALLS as f64
}

/// The median, and between what the middle half lies.
fn spread(figures: &mut [f64]) -> String {
    figures.sort_by(f64::total_cmp);
    let at = |part: usize| figures.get(figures.len() * part / 4).copied();
    let [quarter, median, three_quarters] = [1, 2, 3].map(|part| at(part).unwrap_or(f64::NAN));
    let digits = if median < 10.0 { 3 } else { 0 };
    format!("{median:>6.digits$} [{quarter:.digits$} … {three_quarters:.digits$}]")
}

/// The resident memory of this process, in bytes.
fn resident() -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    Ok(kib.ok_or_else(|| io::Error::other("no VmRSS"))? * 1024)
}
