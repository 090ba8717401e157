//! Takes connections, and lets those under way finish.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Server;
use crate::Listener;

/// Connections served at once; further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 10_000;

/// How long calls under way may take to finish after a stop.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// How long the accept loop waits when the process is out of file descriptors: there is no event to await.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled, then stops accepting, lets calls under way finish, and returns.
///
/// Connections that outlast the grace are cut, with a warning.
///
/// # Cancel safety
///
/// Dropping it closes the socket and every connection at once.
pub async fn serve(listener: Listener, server: Server, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));

    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            // Reaped here so that the set holds only what is open.
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                report_panic(ended);
                continue;
            }
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let connection = Box::pin(server.clone().connection(stream, peer, stop.clone()));
                connections.spawn(
                    async move {
                        connection.await;
                        drop(permit);
                    }
                    .in_current_span(),
                );
            }
            Err(error) => {
                tracing::warn!(%error, "Cannot accept a connection");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);

    let drained = time::timeout(GRACE, async {
        while let Some(ended) = connections.join_next().await {
            report_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), grace = ?GRACE, "Cutting connections that outlasted the grace");
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &Listener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = match Arc::clone(permits).try_acquire_owned() {
        Ok(permit) => permit,
        Err(_none_left) => {
            tracing::warn!(
                limit = MAX_CONNECTIONS,
                "Waiting for a connection to end before taking another"
            );
            let permit = Arc::clone(permits).acquire_owned().await;
            permit.map_err(io::Error::other)?
        }
    };
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "A connection's task failed");
    }
}
