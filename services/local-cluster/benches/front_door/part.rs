//! The api and the data store, each a process of its own: this very program, started as one of them.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, Command, ExitCode, Stdio},
};

use crate::AnyError;

/// The variable that says which part a process is to be.
pub(crate) const PART: &str = "FRONT_DOOR_PART";

/// A process, ended when this is dropped.
pub(crate) struct Part {
    pub(crate) addr: SocketAddr,
    child: Child,
}

/// Is one of the parts, until it is ended.
pub(crate) fn run(part: &str) -> ExitCode {
    match part {
        "api" => runtime::program(api::Config::bind, serve),
        _ => runtime::program(data_store::Config::bind, serve),
    }
}

async fn serve(bound: runtime::Bound, signals: runtime::Signals) -> Result<(), runtime::Stopped> {
    let _nobody_reads = writeln!(io::stdout(), "{}", bound.addr());
    bound.run(signals).await
}

// === impl Part ===

impl Part {
    /// Starts a part on a free port, and waits until it listens.
    pub(crate) fn start(part: &str, flags: &[&str]) -> Result<Self, AnyError> {
        let any = "127.0.0.1:0";
        let mut child = Command::new(env::current_exe()?)
            .args(["--listen-addr", any, "--admin-addr", any])
            .args(flags)
            .env(PART, part)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("it is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let addr = line.trim().parse()?;
        Ok(Self { addr, child })
    }

    /// The process, as `/proc` names it.
    pub(crate) fn process(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _ended = self.child.wait();
    }
}
