//! Sequences of operations at random, each held to a plain model of what a store is.

mod operation;
mod reference;
mod run;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;

use self::{operation::sequence, run::Run};
use crate::place::Place;

/// How many sequences run at a time on one store: enough that their writes come between each other's, and share an fsync.
const RUNNERS: u32 = 16;

/// How many sequences, each on a store of its own, hold the model against openings of the store.
const REOPENED: u32 = 100;

pub(crate) async fn any_sequence_keeps_to_the_model<P: Place>(place: &P) {
    let store = place.open().await;
    let (begun, runtime) = (AtomicU32::new(0), Handle::current());
    let check = || {
        let outcome =
            mk_runner(P::SEQUENCES.div_ceil(RUNNERS)).run(&sequence(false), |operations| {
                let keys = format!("{}/", begun.fetch_add(1, Ordering::Relaxed));
                let run = async {
                    Run::begin(&store, &keys)
                        .await
                        .all(place, store.clone(), &operations)
                        .await
                };
                runtime.block_on(run)
            });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    };

    // A thread each, since proptest does not wait for futures.
    thread::scope(|scope| {
        for _ in 0..RUNNERS {
            scope.spawn(check);
        }
    });

    assert!(begun.into_inner() >= P::SEQUENCES);
}

pub(crate) async fn any_sequence_with_reopenings_keeps_to_the_model<P: Place>(_place: &P) {
    let runtime = Handle::current();
    let check = || {
        let outcome = mk_runner(REOPENED).run(&sequence(true), |operations| {
            runtime.block_on(async {
                let place = P::make().await;
                let store = place.open().await;
                Run::begin(&store, "")
                    .await
                    .all(&place, store, &operations)
                    .await
            })
        });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    };

    thread::scope(|scope| drop(scope.spawn(check)));
}

fn mk_runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        // What fails is mended or becomes a claim; nothing is kept beside the sources.
        failure_persistence: None,
        ..Config::default()
    })
}
