//! Spreads calls over the addresses of the data store.
//!
//! tonic's own balancing does not do here: it takes endpoints, and so neither a connector with a backoff nor an address apart from the name
//! that calls and TLS go by; every connection has the same constant load to it, so that an address that fails at once attracts as many
//! calls as one that serves; and it begins anew to connect with every call. Here the addresses take turns, those that can be connected to.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use http::{Request, Response};
use tokio::sync::watch;
use tonic::{body::Body, transport};
use tower::Service;

use crate::{
    data_store::{
        address::{Address, Kind},
        backoff::random,
        unhurried::Unhurried,
    },
    door::Place,
};

/// The addresses that the data store's name has now. There are none before the name is first resolved.
pub(super) type Addresses = Option<Arc<[Arc<Address>]>>;

/// A channel over all addresses. Clones are cheap and take turns with each other.
#[derive(Clone, Debug)]
pub(super) struct Balancer {
    kind: Kind,
    pub(super) addresses: watch::Receiver<Addresses>,
    turn: Arc<AtomicUsize>,
}

/// Nobody could answer the call.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undelivered {
    #[error("the data store's name has no address")]
    NoAddress,
    #[error(transparent)]
    Channel(#[from] transport::Error),
}

// === impl Balancer ===

impl Balancer {
    /// Balances calls of one kind over whatever the addresses are at each.
    pub(super) fn new(kind: Kind, addresses: watch::Receiver<Addresses>) -> Self {
        // Many replicas start at once; they need not all begin at the first address.
        let turn = usize::try_from(random() % 1_024).unwrap_or_default();
        Self {
            kind,
            addresses,
            turn: Arc::new(AtomicUsize::new(turn)),
        }
    }

    /// How long no call will get through: until the first address may be tried again, when all of them back off.
    pub(super) fn rest(&self) -> Duration {
        let addresses = self.addresses.borrow();
        let addresses = addresses.iter().flat_map(|addresses| addresses.iter());
        addresses
            .map(|address| address.reach.rest())
            .min()
            .unwrap_or_default()
    }

    async fn pick(&self) -> Result<Arc<Address>, Undelivered> {
        let mut addresses = self.addresses.clone();
        let addresses = addresses.wait_for(Option::is_some).await;
        let addresses = addresses.map_or(None, |addresses| addresses.clone());
        let addresses = addresses.unwrap_or_default();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let picked = match &*addresses {
            // It has no choice, so it need not know.
            [only] => Some(only),
            several => {
                some_is_reachable(several).await;
                nth_of_the_reachable(several, turn)
            }
        };
        picked.cloned().ok_or(Undelivered::NoAddress)
    }
}

impl Service<Request<Body>> for Balancer {
    type Response = Response<Body>;
    type Error = Undelivered;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Undelivered>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Undelivered>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let balancer = self.clone();
        let place = request.extensions_mut().remove::<Place>();
        Box::pin(async move {
            let address = balancer.pick().await?;
            let call = async move {
                let _until_it_ends = place;
                address.call(balancer.kind, request).await
            };
            Ok(Unhurried::new(call).await?)
        })
    }
}

/// Waits until some address is reachable, or none is although all were tried.
async fn some_is_reachable(addresses: &[Arc<Address>]) {
    let is_reachable = |address: &Arc<Address>| address.reach.is_reachable();
    if addresses.iter().any(is_reachable) {
        return;
    }
    let mut decided: FuturesUnordered<_> = addresses
        .iter()
        .map(|address| address.reach.decided())
        .collect();
    while decided.next().await.is_some() {
        if addresses.iter().any(is_reachable) {
            return;
        }
    }
}

/// The address whose turn it is among those that are reachable, or among all when none is.
fn nth_of_the_reachable(addresses: &[Arc<Address>], turn: usize) -> Option<&Arc<Address>> {
    let mut among: Vec<_> = addresses
        .iter()
        .filter(|address| address.reach.is_reachable())
        .collect();
    if among.is_empty() {
        among = addresses.iter().collect();
    }
    let nth = turn.checked_rem(among.len())?;
    among.get(nth).copied()
}
