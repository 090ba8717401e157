//! A way to etcd on which answers can get lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Passes on what is sent to `target`, and the answers for as long as they are not swallowed.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    swallows: Arc<Swallows>,
    _accepting: JoinSet<()>,
}

/// Which answers are swallowed: all, or those that come after a word was sent.
#[derive(Default)]
struct Swallows {
    now: AtomicBool,
    after: OnceLock<&'static str>,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) async fn start(target: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let swallows = Arc::<Swallows>::default();
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
        self.swallows.now.store(swallows, Ordering::SeqCst);
    }

    /// Swallows every answer as soon as a request holds `word`.
    pub(crate) fn swallow_after(&self, word: &'static str) {
        self.swallows.after.set(word).unwrap();
    }
}

// === impl Swallows ===

impl Swallows {
    fn note(&self, sent: &[u8]) {
        if let Some(word) = self.after.get()
            && sent.windows(word.len()).any(|part| part == word.as_bytes())
        {
            self.now.store(true, Ordering::SeqCst);
        }
    }
}

async fn pass(client: TcpStream, server: TcpStream, swallows: Arc<Swallows>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            swallows.note(&buffer[..read]);
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from_server.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) if swallows.now.load(Ordering::SeqCst) => {}
                Ok(read) => {
                    if to_client.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
    }
}
