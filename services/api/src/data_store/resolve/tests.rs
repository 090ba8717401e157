use std::{collections::VecDeque, io, net::SocketAddr, sync::Mutex, time::Duration};

use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tonic::transport::Endpoint;

use super::{INTERVAL, MIN_INTERVAL, RESOLVE_DEADLINE, Resolver, host_and_port, lookup};
use crate::data_store::balance::Addresses;

const ONE: &str = "127.0.0.1:8081";
const OTHER: &str = "127.0.0.2:8081";

/// What a name resolves to, resolution by resolution; after the last, nothing answers any more.
struct Scripted {
    answers: Mutex<VecDeque<Option<Vec<SocketAddr>>>>,
    asked: watch::Sender<Vec<Instant>>,
}

/// `None` is a failure.
fn scripted(answers: &[Option<&[&str]>]) -> Scripted {
    let addrs = |addrs: &&[&str]| addrs.iter().map(|addr| addr.parse().unwrap()).collect();
    let answers = answers.iter().map(|answer| answer.as_ref().map(addrs));
    Scripted {
        answers: Mutex::new(answers.collect()),
        asked: watch::Sender::default(),
    }
}

fn mk_resolver(target: &'static str) -> (Resolver, watch::Receiver<Addresses>) {
    Resolver::new(Endpoint::from_static(target))
}

fn addrs(addresses: &watch::Receiver<Addresses>) -> Option<Vec<String>> {
    let addresses = addresses.borrow();
    let addresses = addresses.as_ref()?.iter();
    Some(addresses.map(|it| it.reach.addr.to_string()).collect())
}

// === impl Scripted ===

impl Scripted {
    async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let next = self.answers.lock().unwrap().pop_front();
        self.asked.send_modify(|asked| asked.push(Instant::now()));
        match next {
            Some(Some(addrs)) => Ok(addrs),
            Some(None) => Err(io::Error::other("no such name")),
            None => std::future::pending().await,
        }
    }

    /// Lets `resolver` go on until it has asked so often, and has published every answer but maybe the last.
    async fn until_asked(&self, times: usize, resolver: &Resolver) -> Vec<Instant> {
        let mut asked = self.asked.subscribe();
        tokio::select! {
            () = resolver.keep_resolved(|| self.resolve()) => panic!("it must go on"),
            asked = asked.wait_for(|asked| asked.len() >= times) => asked.unwrap().clone(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_resolved_at_once_and_about_every_half_minute() {
    let (resolver, addresses) = mk_resolver("http://data-store:8081");
    let name = scripted(&[Some(&[ONE, OTHER]), Some(&[ONE, OTHER]), Some(&[OTHER])]);
    assert_eq!(addrs(&addresses), None);
    let began = Instant::now();

    let asked = name.until_asked(4, &resolver).await;

    assert_eq!(asked[0], began);
    for pair in asked.windows(2) {
        let apart = pair[1] - pair[0];
        assert!(INTERVAL * 8 / 10 <= apart && apart <= INTERVAL * 12 / 10 + MIN_INTERVAL);
    }
    assert_eq!(addrs(&addresses).unwrap(), [OTHER]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_resolution_keeps_the_last_good_addresses() {
    let (resolver, addresses) = mk_resolver("http://data-store:8081");
    let name = scripted(&[Some(&[ONE]), None, Some(&[]), None]);

    name.until_asked(5, &resolver).await;

    assert_eq!(addrs(&addresses).unwrap(), [ONE]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_resolved_is_resolved_again_soon_and_has_no_address_until_then() {
    let (resolver, addresses) = mk_resolver("http://data-store:8081");
    let name = scripted(&[None]);

    let asked = name.until_asked(2, &resolver).await;
    assert!(asked[1] - asked[0] <= 2 * MIN_INTERVAL);
    assert_eq!(addrs(&addresses).unwrap(), [""; 0]);

    let name = scripted(&[Some(&[ONE])]);
    name.until_asked(2, &resolver).await;
    assert_eq!(addrs(&addresses).unwrap(), [ONE]);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_does_not_answer_has_failed_after_a_while() {
    let (resolver, mut addresses) = mk_resolver("http://data-store:8081");
    let name = scripted(&[]);
    let began = Instant::now();

    tokio::select! {
        () = resolver.keep_resolved(|| name.resolve()) => panic!("it must go on"),
        changed = addresses.changed() => changed.unwrap(),
    }

    assert_eq!(began.elapsed(), RESOLVE_DEADLINE);
    assert_eq!(addrs(&addresses).unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn failing_connections_have_it_resolved_sooner_but_only_once_a_second() {
    let (resolver, addresses) = mk_resolver("http://data-store:8081");
    let name = scripted(&[Some(&[ONE]), Some(&[ONE]), Some(&[ONE])]);
    let connecting_in_vain = async {
        loop {
            time::sleep(Duration::from_millis(100)).await;
            resolver.failed.notify_one();
        }
    };

    let asked = tokio::select! {
        asked = name.until_asked(4, &resolver) => asked,
        () = connecting_in_vain => unreachable!(),
    };

    for pair in asked.windows(2) {
        assert_eq!(pair[1] - pair[0], MIN_INTERVAL);
    }
    drop(addresses);
}

#[tokio::test(start_paused = true)]
async fn an_address_is_known_from_the_beginning_and_never_resolved() {
    for target in [
        "http://127.0.0.1:8081",
        "http://[::1]:8081",
        "http://10.0.0.1",
    ] {
        let (resolver, addresses) = mk_resolver(target);
        assert!(addresses.borrow().is_some(), "{target}");
        let name = scripted(&[]);

        let resolving = resolver.keep_resolved(|| name.resolve());
        time::timeout(100 * INTERVAL, resolving).await.unwrap_err();

        assert!(name.asked.borrow().is_empty(), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_stays_keeps_its_connections() {
    let (resolver, addresses) = mk_resolver("http://data-store:8081");
    let name = scripted(&[Some(&[ONE]), Some(&[OTHER, ONE])]);
    name.until_asked(2, &resolver).await;
    let before = addresses.borrow().clone().unwrap();

    let name = scripted(&[Some(&[OTHER, ONE])]);
    name.until_asked(2, &resolver).await;

    let after = addresses.borrow().clone().unwrap();
    assert_eq!(addrs(&addresses).unwrap(), [ONE, OTHER]);
    assert!(std::sync::Arc::ptr_eq(&before[0], &after[0]));
}

#[tokio::test]
async fn the_system_resolves_localhost_to_this_machine() {
    let addrs = lookup("localhost:8081".into()).await.unwrap();

    assert!(!addrs.is_empty());
    assert!(
        addrs
            .iter()
            .all(|addr| addr.ip().is_loopback() && addr.port() == 8081)
    );
}

#[test]
fn a_target_without_a_port_has_that_of_its_scheme() {
    for (target, expected) in [
        ("http://data-store", "data-store:80"),
        ("https://data-store", "data-store:443"),
        ("http://data-store:8081/", "data-store:8081"),
        ("http://[::1]:8081", "[::1]:8081"),
    ] {
        assert_eq!(&*host_and_port(&target.parse().unwrap()), expected);
    }
}
