//! The data store as a program of its own, a stand-in Kubernetes that proves its callers, and a caller.

use std::{
    collections::VecDeque,
    ffi::OsString,
    future,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use proto::{
    datastore::v1::data_store_client::DataStoreClient,
    records::v1::{
        DeleteRecordRequest, GetRecordRequest, GreetRequest, ListRecordsRequest, PutRecordRequest,
        Record, WatchRecordsRequest, WatchRecordsResponse,
    },
};
use tempfile::TempDir;
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tonic::{
    Code, Request, Status, Streaming,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};

/// How long the program may take to start or a call to be answered, on a busy machine with a slow disk.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How soon to call again when the first calls are not answered.
const PAUSE: Duration = Duration::from_millis(2);
/// How often to try other ports when somebody took those that were free a moment ago.
const ATTEMPTS: usize = 5;
const LINES_KEPT: usize = 50;

/// A stand-in cluster in this process, which ends with it.
pub(crate) struct Kubernetes {
    kubeconfig: PathBuf,
    bearer: AsciiMetadataValue,
    _running: JoinSet<()>,
    _folder: TempDir,
}

/// How the program is to be started.
pub(crate) struct Start<'a> {
    pub(crate) kubernetes: &'a Kubernetes,
    pub(crate) file: &'a Path,
    pub(crate) history: u32,
    /// How many KiB a file of the program's may have, until [`Program::unlimited`].
    pub(crate) limit_kib: Option<u64>,
}

/// The program; killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) caller: Caller,
    /// From its start to the first call that it answered.
    pub(crate) started_in: Duration,
    log: Arc<Mutex<VecDeque<String>>>,
}

/// Who is admitted, on one connection.
#[derive(Clone)]
pub(crate) struct Caller {
    client: DataStoreClient<Channel>,
    bearer: AsciiMetadataValue,
}

// === impl Kubernetes ===

impl Kubernetes {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = local_cluster::Config::new(folder.path());
        config.address = ([127, 0, 0, 1], 0).into();
        let cluster = config.bind().await.unwrap();
        let kubeconfig = cluster.paths().data_store_kubeconfig();
        let lifetime = Duration::from_secs(3_600);
        let token = cluster
            .cluster()
            .mint("api", "api", &["data-store"], lifetime)
            .unwrap();
        let bearer = format!("Bearer {}", token.expose()).parse().unwrap();
        let mut running = JoinSet::new();
        running.spawn(async { cluster.run(future::pending()).await.unwrap() });
        Self {
            kubeconfig,
            bearer,
            _running: running,
            _folder: folder,
        }
    }
}

// === impl Start ===

impl Start<'_> {
    /// Starts the program and waits until it answers.
    pub(crate) async fn start(&self) -> Program {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            let attempt = timeout(PATIENCE, self.attempt()).await;
            match attempt.expect("it must answer") {
                Ok(program) => return program,
                Err(ended) => said = ended,
            }
        }
        panic!("the data store does not start: {said}");
    }

    /// Starts the program and kills it after so long, wherever it is then.
    pub(crate) async fn start_and_kill(&self, after: Duration) {
        let [addr, admin_addr] = free_addresses();
        let mut command = self.command(addr, admin_addr);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        sleep(after).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Fails with what it said when the program ended, as when somebody took its port.
    async fn attempt(&self) -> Result<Program, String> {
        let [addr, admin_addr] = free_addresses();
        let began = Instant::now();
        let mut child = self.command(addr, admin_addr).spawn().unwrap();
        let log = Arc::default();
        let serving = follow(&mut child, Arc::clone(&log));
        let caller = Caller::new(addr, self.kubernetes.bearer.clone());
        let mut program = Program {
            child,
            caller,
            started_in: Duration::ZERO,
            log,
        };
        if serving.await.is_err() {
            return Err(program.log());
        }
        while program.caller.greet().await.is_err() {
            sleep(PAUSE).await;
        }
        program.started_in = began.elapsed();
        Ok(program)
    }

    fn command(&self, addr: SocketAddr, admin_addr: SocketAddr) -> Command {
        let program = env!("CARGO_BIN_EXE_data-store");
        let mut command = match self.limit_kib {
            // A file that would get larger is an error then, as on a full disk, and not a signal.
            Some(kib) => {
                let mut shell = Command::new("bash");
                let script = format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$0\" \"$@\"");
                shell.args(["-c", &script, program]);
                shell
            }
            None => Command::new(program),
        };
        let mut storage = OsString::from("redb:");
        storage.push(self.file);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("RUST_LOG", "warn,runtime=info")
            .args(["--listen-addr", &addr.to_string()])
            .args(["--admin-addr", &admin_addr.to_string()])
            .args(["--audience", "data-store", "--allow", "api/api"])
            .args(["--history", &self.history.to_string()])
            .arg("--kubeconfig")
            .arg(&self.kubernetes.kubeconfig)
            .arg("--storage")
            .arg(storage)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}

// === impl Program ===

impl Program {
    /// SIGKILL: it does nothing more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), None, "it ended by itself: {}", self.log());
    }

    /// SIGTERM, and waits until it ended.
    pub(crate) async fn stop(mut self) {
        self.run_with_id("kill", &["-TERM"]);
        let ended = timeout(PATIENCE, async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                sleep(PAUSE).await;
            }
        });
        let status = ended.await.expect("it must end when it is told to");
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Lets its files be as large as they like.
    pub(crate) fn unlimited(&self) {
        self.run_with_id("prlimit", &["--fsize=unlimited", "--pid"]);
    }

    /// What it said last.
    pub(crate) fn log(&self) -> String {
        Vec::from(self.log.lock().unwrap().clone()).join("\n")
    }

    fn run_with_id(&self, program: &str, args: &[&str]) {
        let id = self.child.id().to_string();
        let status = Command::new(program).args(args).arg(id).status().unwrap();
        assert!(status.success(), "{program}: {status}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended, or have been killed by the test.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

// === impl Caller ===

impl Caller {
    fn new(addr: SocketAddr, bearer: AsciiMetadataValue) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
        let channel = endpoint.tcp_nodelay(true).timeout(PATIENCE).connect_lazy();
        let client = DataStoreClient::new(channel);
        Self { client, bearer }
    }

    pub(crate) async fn greet(&mut self) -> Result<(), Status> {
        let request = self.bearing(GreetRequest {});
        self.client.greet(request).await.map(drop)
    }

    pub(crate) async fn put(
        &mut self,
        key: String,
        value: Bytes,
        content_type: String,
    ) -> Result<Record, Status> {
        let request = self.bearing(PutRecordRequest {
            key,
            value,
            content_type,
            expected_revision: None,
        });
        let answer = self.client.put_record(request).await?;
        Ok(answer.into_inner())
    }

    /// Answers nothing when there was no record.
    pub(crate) async fn delete(&mut self, key: String) -> Result<Option<i64>, Status> {
        let request = self.bearing(DeleteRecordRequest {
            key,
            expected_revision: None,
        });
        match self.client.delete_record(request).await {
            Ok(answer) => Ok(Some(answer.into_inner().revision)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    pub(crate) async fn get(&mut self, key: String) -> Result<Option<Record>, Status> {
        let request = self.bearing(GetRecordRequest { key });
        match self.client.get_record(request).await {
            Ok(answer) => Ok(Some(answer.into_inner())),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Every record, and the revision they show.
    pub(crate) async fn list(&mut self) -> Result<(Vec<Record>, i64), Status> {
        let (mut records, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = self.bearing(ListRecordsRequest {
                prefix: String::new(),
                page_size: 0,
                page_token,
            });
            let page = self.client.list_records(request).await?.into_inner();
            records.extend(page.records);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok((records, page.revision));
            }
        }
    }

    pub(crate) async fn watch(
        &mut self,
        start_revision: i64,
    ) -> Result<Streaming<WatchRecordsResponse>, Status> {
        let request = self.bearing(WatchRecordsRequest {
            prefix: String::new(),
            start_revision,
        });
        Ok(self.client.watch_records(request).await?.into_inner())
    }

    fn bearing<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = self.bearer.clone();
        request.metadata_mut().insert("authorization", bearer);
        request
    }
}

/// Keeps what the program says last. What is answered tells that it serves, or fails when it ended before.
fn follow(child: &mut Child, log: Arc<Mutex<VecDeque<String>>>) -> oneshot::Receiver<()> {
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (tx, serving) = oneshot::channel();
    let mut tx = Some(tx);
    // Ends with the program, whose end of the pipe it reads.
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            if line.contains("Serving")
                && let Some(tx) = tx.take()
            {
                // The test may have given up.
                let _gone = tx.send(());
            }
            let mut log = log.lock().unwrap();
            log.push_back(line);
            if log.len() > LINES_KEPT {
                log.pop_front();
            }
        }
    });
    serving
}

/// Addresses where nobody listened a moment ago.
fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}
