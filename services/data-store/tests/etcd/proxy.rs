//! A way to etcd on which answers can get lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Passes on what is sent to `target`, and the answers for as long as they are not swallowed.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    swallows: Arc<AtomicBool>,
    _accepting: JoinSet<()>,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) async fn start(target: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let swallows = Arc::new(AtomicBool::new(false));
        let mut accepting = JoinSet::new();
        let swallowed = Arc::clone(&swallows);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&target).await.unwrap();
                connections.spawn(pass(client, server, Arc::clone(&swallowed)));
            }
        });
        Self {
            address,
            swallows,
            _accepting: accepting,
        }
    }

    pub(crate) fn swallow(&self, swallows: bool) {
        self.swallows.store(swallows, Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, server: TcpStream, swallows: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from_server.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) if swallows.load(Ordering::SeqCst) => {}
                Ok(read) => {
                    if to_client.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        _ended = copy(&mut from_client, &mut to_server) => {}
        () = answers => {}
    }
}
