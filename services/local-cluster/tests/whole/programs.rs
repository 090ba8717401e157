//! The program as a person runs it: what it prints, what it never prints, how it stops.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread::JoinHandle,
    time::Duration,
};

use crate::support::{Kubernetes, get, greet, http, mk_request};

/// The shortest piece of a token that would count as a leak.
const PIECE: usize = 20;

/// How long a token of ten seconds may take to be replaced, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `local-cluster`, killed if a test forgets it.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Everything so far on standard output.
    said: String,
    /// Everything on standard error, once it has ended.
    log: Option<JoinHandle<String>>,
    /// A word for each token the api took from its file.
    refreshes: mpsc::Receiver<()>,
}

impl Program {
    fn start(folder: &Path, flags: &[&str], filter: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_local-cluster"))
            .arg("--folder")
            .arg(folder)
            .args([
                "--kubernetes-addr",
                "127.0.0.1:0",
                "--api-addr",
                "127.0.0.1:0",
                "--api-admin-addr",
                "127.0.0.1:0",
            ])
            .args([
                "--data-store-addr",
                "127.0.0.1:0",
                "--data-store-admin-addr",
                "127.0.0.1:0",
            ])
            .args(flags)
            .env("RUST_LOG", filter)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program must be there");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (tx, refreshes) = mpsc::channel();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            for line in stderr.lines() {
                let line = line.expect("logs are text");
                if line.contains("Refreshing service account token") {
                    // The test may have seen enough.
                    let _enough_seen = tx.send(());
                }
                log.push_str(&line);
                log.push('\n');
            }
            log
        });
        Self {
            child,
            stdout,
            said: String::new(),
            log: Some(log),
            refreshes,
        }
    }

    /// Reads on until a line has `text`, and returns that line.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).expect("it speaks text");
            assert_ne!(read, 0, "it ended before it said {text:?}: {}", self.said);
            self.said.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Ctrl-C, and what came of it: how it ended, and everything it printed.
    fn interrupt(mut self) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill must be there");
        assert!(sent.success());
        let status = self.child.wait().expect("it must end");
        self.stdout
            .read_to_string(&mut self.said)
            .expect("it speaks text");
        let log = self
            .log
            .take()
            .expect("it is read once")
            .join()
            .expect("the reader must not panic");
        (status, std::mem::take(&mut self.said) + &log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Harmless when it has ended.
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

/// The address behind `label` in the guide.
fn addr_in(line: &str) -> SocketAddr {
    let word = line
        .split_whitespace()
        .find(|word| word.contains("127.0.0.1:"));
    let word = word.expect("the line must name an address");
    word.trim_start_matches("http://")
        .trim_start_matches("https://")
        .parse()
        .expect("it must be an address")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_it_prints_at_the_most_talkative_has_a_piece_of_a_token_and_ctrl_c_ends_it_well() {
    let folder = tempfile::tempdir().unwrap();
    let another_cluster = Kubernetes::start().await;
    let mut program = Program::start(folder.path(), &["--token-lifetime", "10s"], "trace");
    program.wait_for("Ready after");
    let api = addr_in(&program.wait_for("  api  "));
    let data_store = addr_in(&program.wait_for("  data store  "));

    let file = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let first = file("pods/api/api/tokens/api-token");
    let mut secrets = vec![
        first.clone(),
        file("pods/data-store/data-store/kube-api-access/token"),
    ];
    let kubeconfig = file("kubeconfig");
    let admin = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .unwrap();
    secrets.push(admin.trim_matches('"').to_owned());

    // Accepted, refused for every kind of reason, and garbled.
    assert_eq!(get(api, "/").await.status(), 200);
    greet(data_store, Some(&first)).await.unwrap();
    let foreign = another_cluster.token("api");
    let misdirected = another_cluster.token_for("api", "other");
    let expired = another_cluster.expired_token();
    for token in [&foreign, &misdirected, &expired] {
        greet(data_store, Some(token)).await.unwrap_err();
        greet(data_store, Some(&format!("{token} {token}")))
            .await
            .unwrap_err();
        let headers = [
            ("x-client-id", token.as_str()),
            ("authorization", "Basic YTpi"),
        ];
        http(
            data_store,
            mk_request("POST", "/datastore.v1.DataStore/Greet", &headers, ""),
        )
        .await;
        http(
            api,
            mk_request("GET", "/", &[("authorization", token.as_str())], ""),
        )
        .await;
        secrets.push(token.clone());
    }
    // The first token was taken at the start; the second comes with the first rotation.
    for _ in 0..2 {
        program
            .refreshes
            .recv_timeout(PATIENCE)
            .expect("the token must rotate");
    }
    assert_ne!(file("pods/api/api/tokens/api-token"), first);
    assert_eq!(get(api, "/").await.status(), 200);
    secrets.push(file("pods/api/api/tokens/api-token"));

    let (status, printed) = program.interrupt();

    assert!(status.success(), "{status}");
    assert!(printed.contains("TRACE"), "it must have been talkative");
    assert!(printed.contains("Refreshing service account token"));
    let admitted = printed
        .lines()
        .find(|line| line.contains("Caller admitted"))
        .unwrap();
    for field in [
        r#"method="datastore.v1.DataStore/Greet""#,
        r#"outcome="ADMITTED""#,
        r#"username="system:serviceaccount:api:api""#,
        "uid=\"",
        r#"groups=["system:serviceaccounts", "#,
        r#"audiences=["data-store"]"#,
        r#"pod="api""#,
    ] {
        assert!(admitted.contains(field), "{field} is not in {admitted}");
    }
    for reason in [
        "TOKEN_REJECTED",
        "TOKEN_MALFORMED",
        "TOKEN_EXPIRED",
        "AUDIENCE_MISMATCH",
    ] {
        let outcome = format!("outcome=\"{reason}\"");
        let refused = printed
            .lines()
            .any(|line| line.contains("Caller refused") && line.contains(&outcome));
        assert!(refused, "{reason} was not logged");
    }
    let pieces: HashSet<&[u8]> = secrets
        .iter()
        .flat_map(|secret| secret.as_bytes().windows(PIECE))
        .collect();
    assert!(pieces.len() > 3_000, "every token must be looked for");
    let leaked = printed
        .as_bytes()
        .windows(PIECE)
        .find(|window| pieces.contains(window));
    assert_eq!(leaked.map(String::from_utf8_lossy), None);
}

#[test]
fn a_port_that_is_taken_is_named_with_the_flag_that_changes_it() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();

    for flags in [
        vec![
            "--api-addr",
            addr.as_str(),
            "--data-store-admin-addr",
            addr.as_str(),
        ],
        vec!["--kubernetes-addr", addr.as_str()],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-cluster"));
        command.arg("--folder").arg(folder.path());
        for flag in [
            "--kubernetes-addr",
            "--api-addr",
            "--api-admin-addr",
            "--data-store-addr",
            "--data-store-admin-addr",
        ] {
            let given = flags.iter().position(|given| *given == flag);
            let value = given.map_or("127.0.0.1:0", |at| flags[at + 1]);
            command.args([flag, value]);
        }

        let output = command.output().unwrap();

        assert_eq!(output.status.code(), Some(64));
        let said = String::from_utf8(output.stderr).unwrap();
        for flag in flags.iter().filter(|flag| flag.starts_with("--")) {
            let expected = format!("{flag}: cannot listen on {addr}: the address is in use");
            assert!(said.contains(&expected), "{said}");
        }
    }
}

#[test]
fn the_cluster_alone_says_how_to_start_the_services_against_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path(), &["--cluster-only"], "info");

    program.wait_for("cargo run --bin data-store -- --audience data-store --allow api/api");
    program.wait_for("cargo run --bin api -- --token-path");
    let (status, _printed) = program.interrupt();

    assert!(status.success(), "{status}");
}

#[test]
fn a_token_that_could_not_be_followed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_local-cluster"))
        .arg("--folder")
        .arg(folder.path())
        .args(["--token-lifetime", "9s"])
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--token-lifetime"), "{said}");
    assert!(said.contains("at least 10s"), "{said}");
}

#[test]
fn a_fault_comes_and_goes_and_the_terminal_says_what_to_expect() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--fault", "status-403", "--fault-period", "1s"];
    let mut program = Program::start(folder.path(), &flags, "off");

    let said = program.wait_for("Fault status-403 begins: ");
    assert!(
        said.contains("the API server lets nobody ask for a review"),
        "{said}"
    );
    assert!(said.contains("refused as VERIFIER_MISCONFIGURED"), "{said}");
    program.wait_for("Fault status-403 is over");

    let (status, _printed) = program.interrupt();
    assert!(status.success(), "{status}");
}

#[test]
fn every_fault_is_listed_when_its_name_is_not_known() {
    let output = Command::new(env!("CARGO_BIN_EXE_local-cluster"))
        .args(["--fault", "help"])
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8(output.stderr).unwrap();
    for fault in local_cluster::Fault::all() {
        let line = said
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{fault} ")));
        assert!(
            line.is_some_and(|line| line.ends_with(&fault.what())),
            "{fault}: {said}"
        );
    }
}
