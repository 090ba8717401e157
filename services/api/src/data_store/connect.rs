//! Connects to one address, whatever the name is that it was resolved from.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::data_store::reach::{NotConnected, Reach};

/// What a tonic endpoint connects with.
///
/// It leaves the endpoint's name alone: that is what calls carry as their authority, and what TLS is to verify.
#[derive(Clone, Debug)]
pub(super) struct Connect {
    reach: Arc<Reach>,
}

// === impl Connect ===

impl Connect {
    pub(super) fn new(reach: Arc<Reach>) -> Self {
        Self { reach }
    }
}

impl Service<Uri> for Connect {
    type Response = TokioIo<TcpStream>;
    type Error = NotConnected;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NotConnected>> + Send>>;

    /// Never an error: tonic would give up the whole channel for it.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), NotConnected>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _name: Uri) -> Self::Future {
        let reach = Arc::clone(&self.reach);
        Box::pin(async move { reach.attempt(tcp(reach.addr)).await.map(TokioIo::new) })
    }
}

/// Small messages do not wait on it for others to go with.
pub(super) async fn tcp(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{net::TcpListener, sync::Notify};
    use tower::ServiceExt as _;

    use super::Connect;
    use crate::data_store::reach::{NotConnected, Reach};

    #[tokio::test]
    async fn it_connects_to_the_address_and_not_to_the_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let reach = Arc::new(Reach::new(addr, Arc::new(Notify::new())));

        let connect = Connect::new(Arc::clone(&reach));
        let connection = connect.oneshot("http://nowhere.invalid:1".parse().unwrap());
        let stream = connection.await.unwrap().into_inner();

        assert_eq!(stream.peer_addr().unwrap(), addr);
        assert!(stream.nodelay().unwrap());
        assert!(reach.is_reachable());
    }

    #[tokio::test]
    async fn a_refused_connection_fails_and_the_next_one_is_not_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let connect = Connect::new(Arc::new(Reach::new(addr, Arc::new(Notify::new()))));
        let name = || "http://nowhere.invalid:1".parse().unwrap();

        let first = connect.clone().oneshot(name()).await.unwrap_err();
        let second = connect.oneshot(name()).await.unwrap_err();

        assert!(matches!(first, NotConnected::Failed { .. }), "{first}");
        assert!(
            matches!(second, NotConnected::BackingOff { .. }),
            "{second}"
        );
    }
}
