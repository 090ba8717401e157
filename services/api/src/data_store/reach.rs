//! Whether one address can be connected to, as the last attempt showed.
//!
//! ```text
//!                   ┌───────────── begun ─────────────┐
//! Untried ─ begun ─▶ Trying ─ connected ─▶ Reachable ─┘
//!                    ▲    └── failed ────▶ Unreachable: refuses to try until its backoff is over
//!                    └─────── begun ───────────┘
//! ```

use std::{error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{self, Instant},
};

use crate::data_store::backoff::Backoff;

/// How long connecting may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);

/// As gRPC backs off, but for one cluster, where whoever restarts is back soon.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    factor: 1.6,
    max: Duration::from_secs(10),
};

/// What is known of one address. Everybody who connects to it shares it.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) addr: SocketAddr,
    standing: watch::Sender<Standing>,
    /// Told of every failure; who resolves the name waits for it.
    failed: Arc<Notify>,
}

/// There is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotConnected {
    #[error("not connecting to {addr}: it could not be connected to a moment ago")]
    BackingOff { addr: SocketAddr },
    #[error("cannot connect to {addr}")]
    Failed { addr: SocketAddr, source: io::Error },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Standing {
    Untried,
    Trying { failures: u32 },
    Reachable,
    Unreachable { failures: u32, until: Instant },
}

/// An attempt under way. Dropped without an outcome, it leaves things as if it had not begun.
struct Attempt<'a> {
    reach: &'a Reach,
    failures: u32,
}

// === impl Reach ===

impl Reach {
    pub(super) fn new(addr: SocketAddr, failed: Arc<Notify>) -> Self {
        Self {
            addr,
            standing: watch::Sender::new(Standing::Untried),
            failed,
        }
    }

    /// Whether the last attempt connected, and no other is under way.
    ///
    /// While one is, calls had better go elsewhere: an address that swallows packets takes the whole deadline to fail.
    pub(super) fn is_reachable(&self) -> bool {
        *self.standing.borrow() == Standing::Reachable
    }

    /// How long it will refuse to be tried.
    pub(super) fn rest(&self) -> Duration {
        match *self.standing.borrow() {
            Standing::Unreachable { until, .. } => until.saturating_duration_since(Instant::now()),
            Standing::Untried | Standing::Trying { .. } | Standing::Reachable => Duration::ZERO,
        }
    }

    /// Waits until the attempt that is under way or due has ended.
    pub(super) async fn decided(&self) {
        let mut standing = self.standing.subscribe();
        let decided = standing.wait_for(|standing| match standing {
            Standing::Reachable | Standing::Unreachable { .. } => true,
            Standing::Untried | Standing::Trying { .. } => false,
        });
        decided.await.expect("the sender must live as long as self");
    }

    #[cfg(test)]
    pub(super) async fn reachable(&self) {
        let mut standing = self.standing.subscribe();
        let reachable = standing.wait_for(|standing| *standing == Standing::Reachable);
        reachable
            .await
            .expect("the sender must live as long as self");
    }

    /// Connects, unless it backs off from a failure: then it fails at once.
    ///
    /// # Cancel safety
    ///
    /// Dropping it ends the attempt, which then says nothing about the address.
    pub(super) async fn attempt<T>(
        &self,
        connecting: impl Future<Output = io::Result<T>>,
    ) -> Result<T, NotConnected> {
        let addr = self.addr;
        let attempt = self.begin().ok_or(NotConnected::BackingOff { addr })?;
        let outcome = time::timeout(CONNECT_DEADLINE, connecting).await;
        let source = match outcome {
            Ok(Ok(connection)) => {
                attempt.connected();
                return Ok(connection);
            }
            Ok(Err(source)) => source,
            Err(elapsed) => io::Error::new(io::ErrorKind::TimedOut, elapsed),
        };
        attempt.failed(&source);
        Err(NotConnected::Failed { addr, source })
    }

    /// Connects with `connect` whenever it is not known whether that can be done, for ever: so that calls need not find out.
    pub(super) async fn find_out<T, F>(&self, connect: impl Fn() -> F)
    where
        F: Future<Output = io::Result<T>>,
    {
        let mut standing = self.standing.subscribe();
        loop {
            let unknown = standing.wait_for(|standing| match standing {
                Standing::Untried | Standing::Unreachable { .. } => true,
                Standing::Trying { .. } | Standing::Reachable => false,
            });
            let unknown = unknown.await.map(|standing| *standing);
            if let Ok(Standing::Unreachable { until, .. }) = unknown {
                time::sleep_until(until).await;
            }
            let _is_in_the_standing = self.attempt(connect()).await;
        }
    }

    /// Nothing when it is not to be tried yet.
    fn begin(&self) -> Option<Attempt<'_>> {
        let mut begun = None;
        self.standing.send_if_modified(|standing| {
            let failures = match *standing {
                Standing::Unreachable { until, .. } if Instant::now() < until => return false,
                Standing::Unreachable { failures, .. } | Standing::Trying { failures } => failures,
                Standing::Untried | Standing::Reachable => 0,
            };
            begun = Some(failures);
            *standing = Standing::Trying { failures };
            true
        });
        let reach = self;
        begun.map(|failures| Attempt { reach, failures })
    }
}

// === impl Attempt ===

impl Attempt<'_> {
    fn connected(self) {
        let addr = self.reach.addr;
        if self.failures > 0 {
            tracing::info!(%addr, "An address of the data store can be connected to again");
        } else {
            tracing::debug!(%addr, "Connected to an address of the data store");
        }
        self.reach.standing.send_replace(Standing::Reachable);
    }

    fn failed(self, error: &(dyn Error + 'static)) {
        let addr = self.reach.addr;
        let failures = self.failures.saturating_add(1);
        let wait = BACKOFF.after(failures);
        if failures == 1 {
            tracing::warn!(%addr, error, ?wait, "Cannot connect to an address of the data store");
        } else {
            tracing::debug!(%addr, error, ?wait, failures, "Still cannot connect to an address of the data store");
        }
        let until = Instant::now() + wait;
        self.reach
            .standing
            .send_replace(Standing::Unreachable { failures, until });
        self.reach.failed.notify_one();
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let failures = self.failures;
        self.reach.standing.send_if_modified(|standing| {
            let is_open = *standing == Standing::Trying { failures };
            if is_open {
                *standing = match failures {
                    0 => Standing::Untried,
                    failures => Standing::Unreachable {
                        failures,
                        until: Instant::now(),
                    },
                };
            }
            is_open
        });
    }
}

#[cfg(test)]
mod tests;
