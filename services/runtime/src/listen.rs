//! Listening sockets.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::net::{TcpListener, TcpStream};

/// A socket that listens, and the address it really has. Connections wait in its backlog until somebody accepts them.
///
/// Clones share the socket: it listens until the last of them is dropped.
#[derive(Clone, Debug)]
pub struct Listener {
    socket: Arc<TcpListener>,
    addr: SocketAddr,
}

/// Why a program cannot listen where it was told to.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {}", match source.kind() {
    io::ErrorKind::AddrInUse => "the address is in use; stop the program that listens there, or choose another address".to_owned(),
    io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address".to_owned(),
    io::ErrorKind::PermissionDenied => "permission denied; ports below 1024 need a privilege".to_owned(),
    _ => source.to_string(),
})]
pub struct ListenError {
    addr: SocketAddr,
    source: io::Error,
}

/// Listens on an address. Port 0 takes a free one; [`Listener::addr`] says which.
///
/// # Errors
///
/// [`ListenError`] when the address is in use, not this machine's, or not ours to take.
pub async fn listen(addr: SocketAddr) -> Result<Listener, ListenError> {
    let listen = async {
        let socket = TcpListener::bind(addr).await?;
        let addr = socket.local_addr()?;
        Ok(Listener {
            socket: Arc::new(socket),
            addr,
        })
    };
    listen.await.map_err(|source| ListenError { addr, source })
}

// === impl Listener ===

impl Listener {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes the next connection, and says whose it is. [`serve`](crate::serve) does it for whoever has no plans of its own for a connection.
    ///
    /// # Errors
    ///
    /// The operating system's: a connection that is gone already, or no file descriptor left.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost when it is dropped.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.socket.accept().await
    }
}

#[cfg(test)]
mod tests {
    use super::listen;

    #[tokio::test]
    async fn an_address_in_use_is_named_in_the_error() {
        let first = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();

        let error = listen(first.addr()).await.unwrap_err().to_string();

        assert!(error.contains(&first.addr().to_string()), "{error}");
        assert!(error.contains("in use"), "{error}");
    }
}
