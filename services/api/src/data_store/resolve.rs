//! Which addresses the data store's name has, now and later.

use std::{collections::BTreeSet, future, io, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::join_all;
use http::Uri;
use tokio::{
    net,
    sync::{Notify, watch},
    time::{self, Instant},
};
use tonic::transport::Endpoint;

use crate::data_store::{
    address::Address,
    backoff::{Backoff, jittered},
    balance::Addresses,
};

/// How often the name is resolved while all is well. A pod that is ready is found by then, one that is gone sooner: connecting to it fails.
const INTERVAL: Duration = Duration::from_secs(30);

/// The least time between two resolutions, however many connections fail.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// How long resolving may take. The system's resolver may take longer, but nobody waits for it.
const RESOLVE_DEADLINE: Duration = Duration::from_secs(5);

/// How soon it is resolved again after it could not be.
const BACKOFF: Backoff = Backoff {
    first: MIN_INTERVAL,
    factor: 1.6,
    max: INTERVAL,
};

/// Publishes the addresses; balancers hold the other end.
pub(super) struct Resolver {
    endpoint: Endpoint,
    addresses: watch::Sender<Addresses>,
    /// Told by every address of each failure to connect.
    failed: Arc<Notify>,
}

/// Resolves by the system's resolver.
pub(super) async fn lookup(host_and_port: Arc<str>) -> io::Result<Vec<SocketAddr>> {
    Ok(net::lookup_host(&*host_and_port).await?.collect())
}

/// What is to be resolved, with the port that the scheme has when the name has none.
pub(super) fn host_and_port(target: &Uri) -> Arc<str> {
    let default = if target.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    let host = target.host().unwrap_or_default();
    format!("{host}:{}", target.port_u16().unwrap_or(default)).into()
}

// === impl Resolver ===

impl Resolver {
    /// Both ends. An endpoint that is an address itself is published at once; a name, when it is first resolved.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub(super) fn new(endpoint: Endpoint) -> (Self, watch::Receiver<Addresses>) {
        let (addresses, receiver) = watch::channel(None);
        let resolver = Self {
            endpoint,
            addresses,
            failed: Arc::new(Notify::new()),
        };
        if let Some(addr) = resolver.literal() {
            resolver.publish(&BTreeSet::from([addr]));
        }
        (resolver, receiver)
    }

    /// Keeps the addresses up to date and finds out which of them can be connected to, for ever. An address is never resolved.
    ///
    /// # Cancel safety
    ///
    /// Calls go on as before when it is dropped, to the addresses that were last known.
    pub(super) async fn run<F>(self, resolve: impl Fn() -> F)
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>>,
    {
        tokio::join!(self.keep_resolved(resolve), self.find_out());
    }

    /// The address that the endpoint itself is, if it is one.
    fn literal(&self) -> Option<SocketAddr> {
        host_and_port(self.endpoint.uri()).parse().ok()
    }

    async fn keep_resolved<F>(&self, resolve: impl Fn() -> F)
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>>,
    {
        if self.literal().is_some() {
            return future::pending().await;
        }
        let mut failures = 0;
        loop {
            let resolved = time::timeout(RESOLVE_DEADLINE, resolve()).await;
            let resolved_at = Instant::now();
            match addresses_of(resolved) {
                Ok(addrs) => {
                    if failures > 0 {
                        failures = 0;
                        tracing::info!("The data store's name can be resolved again");
                    }
                    self.publish(&addrs);
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "Cannot resolve the data store's name; using the last addresses it had");
                    } else {
                        tracing::debug!(%error, failures, "Still cannot resolve the data store's name");
                    }
                    self.publish_that_there_are_none_yet();
                }
            }
            let due = match failures {
                0 => jittered(INTERVAL),
                failures => BACKOFF.after(failures),
            };
            tokio::select! {
                () = time::sleep_until(resolved_at + due) => (),
                () = self.failed.notified() => time::sleep_until(resolved_at + MIN_INTERVAL).await,
            }
        }
    }

    async fn find_out(&self) {
        let mut receiver = self.addresses.subscribe();
        loop {
            let addresses = receiver.borrow_and_update().clone().unwrap_or_default();
            let finding_out = join_all(addresses.iter().map(|address| address.find_out()));
            tokio::select! {
                changed = receiver.changed() => changed.expect("the sender must live as long as self"),
                // None ends while there are any.
                _ended = finding_out, if !addresses.is_empty() => (),
            }
        }
    }

    /// Those that stay keep their connections; calls under way to those that go may finish.
    fn publish(&self, addrs: &BTreeSet<SocketAddr>) {
        self.addresses.send_if_modified(|addresses| {
            let old = addresses.take().unwrap_or_default();
            if old.iter().map(|address| &address.reach.addr).eq(addrs) {
                *addresses = Some(old);
                return false;
            }
            tracing::info!(
                ?addrs,
                "Calling the data store at these addresses from now on"
            );
            let mk_address = |addr: &SocketAddr| {
                let known = old.iter().find(|address| address.reach.addr == *addr);
                known.map_or_else(
                    || Arc::new(Address::new(*addr, &self.endpoint, &self.failed)),
                    Arc::clone,
                )
            };
            *addresses = Some(addrs.iter().map(mk_address).collect());
            true
        });
    }

    /// So that calls need not wait for a resolution any more.
    fn publish_that_there_are_none_yet(&self) {
        self.addresses.send_if_modified(|addresses| {
            let was_unknown = addresses.is_none();
            addresses.get_or_insert_default();
            was_unknown
        });
    }
}

/// At least one, in an order of their own: every answer of a resolver may have another.
fn addresses_of(
    resolved: Result<io::Result<Vec<SocketAddr>>, time::error::Elapsed>,
) -> io::Result<BTreeSet<SocketAddr>> {
    let addrs: BTreeSet<_> = resolved??.into_iter().collect();
    if addrs.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    Ok(addrs)
}

#[cfg(test)]
mod tests;
