//! What it costs to keep records: in a file, and in an etcd beside plain puts to the same etcd.
//!
//! `cargo bench -p data-store --bench storage`. Real files, real fsyncs, a real etcd if there is one on the PATH; what is compared takes
//! turns in one run, as the machine may be shared. With an argument, only the parts whose names contain it.

mod support;

use std::{
    env,
    io::{self, Write as _},
    path::Path,
    process::Command,
    time::Duration,
};

use data_store::{Embedded, Etcd, Storage, StorageError};
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use proto::etcd::{
    Compare, PutRequest, RequestOp, TxnRequest,
    compare::{CompareTarget, TargetUnion},
    kv_client::KvClient,
    request_op,
};
use tokio::{task::JoinSet, time::Instant};

use self::support::{AnyError, etcd_server::EtcdServer, list, mk_put, ratios, resident, spread};

/// How long each takes its turn, and how often.
const TURN: Duration = Duration::from_millis(400);
const ROUNDS: usize = 20;

/// How many write at once, where there are many.
const WRITERS: usize = 16;

/// The records of the large file, and how many are written at once to make it.
const MANY: usize = 1_000_000;
const AT_ONCE: usize = 256;

const HISTORY: u32 = 10_000;
const MIB: f64 = 1024.0 * 1024.0;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let wanted = env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let is_wanted = |part: &str| {
        wanted
            .as_ref()
            .is_none_or(|wanted| part.contains(wanted.as_str()))
    };
    let mut out = io::stdout();
    let folder = tempfile::tempdir()?;
    if is_wanted("file") {
        file(&mut out, &folder.path().join("some.redb")).await?;
    }
    if is_wanted("large") {
        large(&mut out, &folder.path().join("many.redb")).await?;
    }
    if is_wanted("etcd") {
        if Command::new("etcd").arg("--version").output().is_ok() {
            etcd(&mut out).await?;
        } else {
            writeln!(
                out,
                "No etcd on the PATH: not measured (Debian: etcd-server)"
            )?;
        }
    }
    Ok(())
}

/// Writers that share an fsync, and reads beside writes.
async fn file(out: &mut impl io::Write, path: &Path) -> Result<(), AnyError> {
    let storage = Embedded::open(path, HISTORY).await?;
    let (mut one, mut many, mut together, mut gets) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let figures = [
            puts(&storage, 1, move |_, n| format!("one/{round}/{n:08}")).await?,
            puts(&storage, WRITERS, move |writer, n| {
                format!("many/{round}/{writer}/{n:08}")
            })
            .await?,
            puts(&storage, WRITERS, move |writer, n| {
                format!("together/{round}/{n:08}/{writer}")
            })
            .await?,
            turn(1, async |_, _| {
                storage.get("one/0/00000000").await.map(drop)
            })
            .await?,
        ];
        // The first round is to warm up.
        if round > 0 {
            let [first, second, third, fourth] = figures;
            one.push(first);
            many.push(second);
            together.push(third);
            gets.push(fourth);
        }
    }
    let mut lists = Vec::new();
    for n in 0..1_000 {
        storage
            .put(mk_put(&format!("list/{n:04}"), [0x5a; 100].to_vec()))
            .await?;
    }
    for _round in 0..ROUNDS {
        let began = Instant::now();
        let page = list(&storage, "list/", 1_000).await?;
        lists.push(began.elapsed().as_secs_f64() * 1_000.0);
        if page.records.len() != 1_000 {
            return Err("the list is not whole".into());
        }
    }
    writeln!(
        out,
        "Records of 100 bytes in a file, each write on disk before it is answered
  puts a second, one writer    {}
  puts a second, {WRITERS} writers, each to keys of its own
                               {}   ratio {}   (wanted: at least 8)
  puts a second, {WRITERS} writers, to neighbouring keys
                               {}   ratio {}
  gets a second, one reader    {}   ratio to one writer {}   (wanted: at least 20)
  a list of 1000 records       {} ms   (wanted: less than 5)",
        spread(&one),
        spread(&many),
        spread(&ratios(&many, &one)),
        spread(&together),
        spread(&ratios(&together, &one)),
        spread(&gets),
        spread(&ratios(&gets, &one)),
        spread(&lists),
    )?;
    Ok(())
}

/// Memory and opening, with many records.
async fn large(out: &mut impl io::Write, path: &Path) -> Result<(), AnyError> {
    let storage = Embedded::open(path, HISTORY).await?;
    writeln!(out, "{MANY} records of 100 bytes in a file")?;
    let began = Instant::now();
    for part in 1..=4 {
        let range = MANY / 4 * (part - 1)..MANY / 4 * part;
        stream::iter(range)
            .map(|n| storage.put(mk_put(&format!("{n:08}"), [0x5a; 100].to_vec())))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_record| future::ok(()))
            .await?;
        writeln!(
            out,
            "  resident after {:>7}      {:.0} MiB",
            MANY / 4 * part,
            resident()? / MIB
        )?;
    }
    let rate = MANY as f64 / began.elapsed().as_secs_f64();
    writeln!(out, "  puts a second, {AT_ONCE} writers  {rate:.0}")?;
    drop(storage);
    let mut openings = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        let storage = Embedded::open(path, HISTORY).await?;
        storage.get("00000000").await?.ok_or("a record is gone")?;
        openings.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    writeln!(
        out,
        "  size of the file           {:.0} MiB
  opened, and one record read  {} ms   (wanted: less than 1000)",
        std::fs::metadata(path)?.len() as f64 / MIB,
        spread(&openings)
    )?;
    Ok(())
}

/// Puts through the storage, beside those sent straight to the same etcd.
async fn etcd(out: &mut impl io::Write) -> Result<(), AnyError> {
    let server = EtcdServer::start().await;
    let data_store::Address::Etcd(address) = server.address("/bench/") else {
        return Err("a server must have the address of one".into());
    };
    let storage = Etcd::open(&address).await?;
    let plain = KvClient::new(server.channel());
    let mk_request = |table: &str, name: &str, writer: usize, n: usize| PutRequest {
        key: format!("/{table}/{name}/{writer}/{n}").into(),
        value: vec![0x5a; 180].into(),
    };
    let straight = async |writers: usize, name: &str, keys: usize| {
        turn(writers, async |writer, n| {
            let request = mk_request("plain", name, writer, n % keys);
            plain.clone().put(request).await.map(drop)
        })
        .await
    };
    let transaction = async |writers: usize, name: &str, keys: usize| {
        turn(writers, async |writer, n| {
            let put = mk_request("transaction", name, writer, n % keys);
            // It always holds, and etcd has as much to do as for one that may not.
            let compare = Compare {
                target: CompareTarget::Create.into(),
                key: "/nobody/writes/this".into(),
                target_union: Some(TargetUnion::CreateRevision(0)),
                ..Compare::default()
            };
            let request = TxnRequest {
                compare: vec![compare],
                success: vec![RequestOp {
                    request: Some(request_op::Request::RequestPut(put)),
                }],
                failure: Vec::new(),
            };
            plain.clone().txn(request).await.map(drop)
        })
        .await
    };
    let through = async |writers: usize, name: &str, keys: usize| {
        turn(writers, async |writer, n| {
            let key = format!("{name}/{writer}/{}", n % keys);
            storage
                .put(mk_put(&key, [0x5a; 100].to_vec()))
                .await
                .map(drop)
        })
        .await
    };
    writeln!(out, "Puts a second to one etcd, of records of 100 bytes")?;
    for (what, writers, keys) in [
        ("one writer, new records", 1, usize::MAX),
        ("one writer, overwriting", 1, 8),
        ("16 writers, new records", WRITERS, usize::MAX),
        ("16 writers, overwriting", WRITERS, 8),
    ] {
        let (mut puts, mut transactions, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let name = format!("{writers}/{}", if keys == 8 { 0 } else { round + 1 });
            let figures = (
                straight(writers, &name, keys).await?,
                transaction(writers, &name, keys).await?,
                through(writers, &name, keys).await?,
            );
            if round > 0 {
                puts.push(figures.0);
                transactions.push(figures.1);
                ours.push(figures.2);
            }
        }
        writeln!(
            out,
            "  {what}
    plain puts, straight       {}
    transactions, straight     {}
    as storage                 {}   ratio to transactions {}, to plain puts {}   (wanted: at least 0.85)",
            spread(&puts),
            spread(&transactions),
            spread(&ours),
            spread(&ratios(&ours, &transactions)),
            spread(&ratios(&ours, &puts))
        )?;
    }
    Ok(())
}

/// Has `writers` put new records, each in a task of its own as the calls of a server are, and answers how many that makes a second.
async fn puts<S: Storage>(
    storage: &S,
    writers: usize,
    key: impl Fn(usize, usize) -> String + Clone + Send + 'static,
) -> Result<f64, AnyError> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let (storage, key) = (storage.clone(), key.clone());
        running.spawn(async move {
            let mut written = 0;
            while began.elapsed() < TURN {
                let put = mk_put(&key(writer, written), [0x5a; 100].to_vec());
                storage.put(put).await?;
                written += 1;
            }
            Ok::<usize, StorageError>(written)
        });
    }
    let written: Result<Vec<_>, _> = running.join_all().await.into_iter().collect();
    Ok(written?.iter().sum::<usize>() as f64 / began.elapsed().as_secs_f64())
}

/// Has `callers` call one after another for one turn, and answers how many calls that makes a second.
async fn turn<E: Into<AnyError>>(
    callers: usize,
    call: impl AsyncFn(usize, usize) -> Result<(), E>,
) -> Result<f64, AnyError> {
    let began = Instant::now();
    let call = &call;
    let caller = |caller: usize| async move {
        let mut calls = 0;
        while began.elapsed() < TURN {
            call(caller, calls).await.map_err(Into::into)?;
            calls += 1;
        }
        Ok::<_, AnyError>(calls)
    };
    let calls = future::try_join_all((0..callers).map(caller)).await?;
    Ok(calls.iter().sum::<usize>() as f64 / began.elapsed().as_secs_f64())
}
