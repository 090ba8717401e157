//! Three members of etcd, of which one after another dies or stops, and two data stores that write and watch meanwhile.
//!
//! ```text
//! load      writers, and what each was answered
//! telling   what a watch tells
//! scrape    which member leads, and which is asked
//! verdict   whether what was answered and what was told agree
//! ```

mod load;
mod scrape;
mod telling;
mod verdict;

use std::{
    env,
    io::{self, Write as _},
    time::Duration,
};

use data_store::{Address, Etcd};
use tokio::{
    task::JoinHandle,
    time::{self, Instant},
};

use self::{
    load::{Ledger, Load},
    verdict::{Fault, Verdict, longest_pause},
};
use crate::etcd_cluster::EtcdCluster;

const ROUNDS: usize = 20;
/// As many data stores as run side by side.
const HANDLES: usize = 2;
const WRITERS: usize = 8;

/// How long all of it may take. Twenty rounds take three minutes.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// How long a member is stopped for, at least: less than a write waits, more than a read does.
const STOP: Duration = Duration::from_secs(2);

/// How long the load goes on unhurt before, between and after faults.
const CALM: Duration = Duration::from_millis(500);

/// How long writes may stand still after a fault: one that waits in vain waits for three seconds, and then the next has to find a member.
const PAUSE_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait for anything that is to happen before the run is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a write may still be under way after its writer gave up: no longer than its deadline.
const SETTLING: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a fault run of minutes; cargo test -p data-store --test faults -- --ignored --nocapture"]
async fn acknowledged_writes_are_kept_and_told_once_while_members_die_and_stop() {
    let rounds = env::var("FAULT_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    time::timeout(LIMIT, run(rounds))
        .await
        .expect("the run must end in time");
}

async fn run(rounds: usize) {
    let began = Instant::now();
    let mut cluster = EtcdCluster::start().await;
    let address = cluster.address("/faults");
    let mut stores = Vec::new();
    for _ in 0..HANDLES {
        stores.push(open(&address).await);
    }
    let watches: Vec<_> = stores.iter().map(telling::follow).collect();
    let load = Load::start(&stores, WRITERS);

    let mut faults = Vec::new();
    for round in 0..rounds {
        time::sleep(CALM).await;
        faults.push(kill_the_leader(&mut cluster, &load).await);
        time::sleep(CALM).await;
        faults.push(stop_a_member(&cluster, &load, round).await);
    }
    time::sleep(CALM).await;
    let ledgers = load.stop().await;
    time::sleep(SETTLING).await;
    telling::end(&stores[0]).await;

    let mut told = Vec::new();
    for watch in watches {
        told.push(joined(watch).await);
    }
    told.push(joined(telling::follow(&open(&address).await)).await);
    report(rounds, began, &faults, &ledgers, &told);
}

/// Kills the member that leads, and starts it again when both stores write again.
async fn kill_the_leader(cluster: &mut EtcdCluster, load: &Load) -> Fault {
    let leader = scrape::leader(&cluster.members).await;
    let at = Instant::now();
    cluster.members[leader].kill();
    in_time("writes after a death", load.goes_on(at)).await;
    in_time("a restart", cluster.members[leader].restart()).await;
    Fault::death(at)
}

/// Stops the member that leads or the one that is asked, until both stores write again, and has it go on.
async fn stop_a_member(cluster: &EtcdCluster, load: &Load, round: usize) -> Fault {
    let member = if round.is_multiple_of(2) {
        scrape::leader(&cluster.members).await
    } else {
        scrape::most_asked(&cluster.members).await
    };
    let at = Instant::now();
    cluster.members[member].pause();
    let writing = in_time("writes after a stop", load.goes_on(at));
    tokio::join!(writing, time::sleep(STOP));
    cluster.members[member].resume();
    Fault::stop(at)
}

fn report(
    rounds: usize,
    began: Instant,
    faults: &[Fault],
    ledgers: &[Ledger],
    told: &[telling::Told],
) {
    let verdict = Verdict::of(ledgers, told);
    let after_deaths = longest_pause(faults, Fault::is_death, ledgers);
    let after_stops = longest_pause(faults, |fault| !fault.is_death(), ledgers);
    let mut out = io::stdout();
    writeln!(
        out,
        "{rounds} rounds in {:.0?}, each with a leader's death and a member's stop\n{verdict}\n\
         longest pause of the writes of a store: {after_deaths:.1?} after a death, {after_stops:.1?} after a stop",
        began.elapsed()
    )
    .unwrap();
    verdict.assert_flawless();
    for pause in [after_deaths, after_stops] {
        assert!(
            pause <= PAUSE_LIMIT,
            "writes must go on within {PAUSE_LIMIT:?}"
        );
    }
}

async fn open(address: &Address) -> Etcd {
    let Address::Etcd(address) = address else {
        panic!("it must be the address of an etcd");
    };
    Etcd::open(address).await.unwrap()
}

async fn joined<T>(task: JoinHandle<T>) -> T {
    in_time("a watch", task).await.unwrap()
}

async fn in_time<T>(what: &str, happening: impl Future<Output = T>) -> T {
    match time::timeout(PATIENCE, happening).await {
        Ok(happened) => happened,
        Err(_elapsed) => panic!("{what} must come within {PATIENCE:?}"),
    }
}
