//! A program with its sockets bound, before it serves anybody.

use std::{fmt, net::SocketAddr, pin::Pin};

use axum::Router;
use prometheus_client::registry::Registry;

use crate::{CancellationToken, Health, Listener, Readiness, Server, Stopped, Tasks, admin, serve};

/// A program that is ready to run: every socket is bound, every address is known, and nobody is served yet.
pub struct Bound {
    listener: Listener,
    admin_listener: Listener,
    router: Router,
    health: Health,
    readiness: Readiness,
    metrics: Registry,
    tasks: Vec<(&'static str, Endless)>,
    stopping: CancellationToken,
}

type Endless = Pin<Box<dyn Future<Output = ()> + Send>>;

// === impl Bound ===

impl Bound {
    /// Serves `router` on one socket, and what a kubelet or a Prometheus asks on the other.
    #[must_use]
    pub fn new(
        listener: Listener,
        admin_listener: Listener,
        router: Router,
        health: Health,
        readiness: Readiness,
    ) -> Self {
        Self {
            listener,
            admin_listener,
            router,
            health,
            readiness,
            metrics: Registry::default(),
            tasks: Vec::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Shows what is registered here, as it is whenever it is asked for. Without this, nothing is shown.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Registry) -> Self {
        self.metrics = metrics;
        self
    }

    /// Adds a task that goes on for as long as the program runs.
    #[must_use]
    pub fn with_task(
        mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.tasks.push((name, Box::pin(task)));
        self
    }

    /// Cancels `stopping` as soon as it is told to stop. A stream that has no end of its own must end by it, or it holds the stop.
    #[must_use]
    pub fn with_stopping(mut self, stopping: CancellationToken) -> Self {
        self.stopping = stopping;
        self
    }

    /// Where it will serve.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// Where it will answer probes and show its metrics.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_listener.addr()
    }

    /// Whether it is ready, now and later.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Serves until `shutdown` resolves; then lets the calls under way finish.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when one of its tasks ends before.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Stopped> {
        let Self {
            listener,
            admin_listener,
            router,
            health,
            readiness,
            metrics,
            tasks,
            stopping,
        } = self;
        let mut running = Tasks::new();
        for (name, task) in tasks {
            running.spawn_endless(name, task);
        }
        let not_stopping = readiness.condition("running");
        not_stopping.holds();
        running.spawn("health", {
            let readiness = readiness.clone();
            |stop| health.follow(readiness, stop)
        });
        running.spawn("admin", |stop| {
            serve(admin_listener, Server::new(admin(readiness, metrics)), stop)
        });
        running.spawn("server", |stop| serve(listener, Server::new(router), stop));
        tracing::info!("Serving");
        let told_to_stop = async {
            shutdown.await;
            not_stopping.fails("stopping");
            stopping.cancel();
        };
        running.run_until(told_to_stop).await?;
        tracing::info!("Stopped");
        Ok(())
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("addr", &self.addr())
            .field("admin_addr", &self.admin_addr())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use axum::Router;

    use super::Bound;
    use crate::{Readiness, grpc_routes, listen};

    #[tokio::test]
    async fn it_is_not_ready_any_more_once_it_is_told_to_stop() {
        let addr = "127.0.0.1:0".parse().unwrap();
        let listeners = (listen(addr).await.unwrap(), listen(addr).await.unwrap());
        let (_routes, health) =
            grpc_routes(tonic_health::pb::FILE_DESCRIPTOR_SET, "a.Service").await;
        let readiness = Readiness::new();
        let bound = Bound::new(
            listeners.0,
            listeners.1,
            Router::new(),
            health,
            readiness.clone(),
        )
        .with_task("endless", future::pending());
        assert!(readiness.is_ready());

        bound.run(future::ready(())).await.unwrap();

        assert!(!readiness.is_ready());
    }
}
