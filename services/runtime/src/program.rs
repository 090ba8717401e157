//! From `main` to exit code.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{Problems, Stopped, problem::chain};

/// Bad configuration, as sysexits.h names it.
const EX_USAGE: u8 = 64;

/// What is logged when RUST_LOG says nothing. kube's client reports each failed request as an error of its own; ours says what it means.
const DEFAULT_FILTER: &str = "info,kube_client::client::builder=off";

/// Why a program ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was configured so that it could not start: exit code 64.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// One of its tasks ended: exit code 1.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The operating system refused it something every program needs: exit code 1.
    #[error("cannot set up the program")]
    Setup(#[from] io::Error),
    /// A second signal came while it was stopping: exit code 1.
    #[error("told to stop a second time; calls under way were cut")]
    Aborted,
}

/// Runs a program: reads its arguments, starts its logs, and hands it the future of the first SIGTERM or SIGINT.
///
/// A second signal aborts it. Logs go to standard error, as `RUST_LOG` says.
pub fn program<A: Parser>(run: impl AsyncFnOnce(A, Signals) -> Result<(), Failure>) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(answer) => return answer_instead_of_running(&answer),
    };
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env()
                .unwrap_or_else(|_unset| EnvFilter::new(DEFAULT_FILTER)),
        )
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    match block_on(args, run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&chain(&failure));
            failure.exit_code()
        }
    }
}

/// The first SIGTERM or SIGINT.
pub type Signals = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

// === impl Failure ===

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Problems(_) => ExitCode::from(EX_USAGE),
            Self::Stopped(_) | Self::Setup(_) | Self::Aborted => ExitCode::FAILURE,
        }
    }
}

fn block_on<A>(
    args: A,
    run: impl AsyncFnOnce(A, Signals) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let first = nth_signal(1)?;
        let second = nth_signal(2)?;
        tokio::select! {
            ended = run(args, Box::pin(first)) => ended,
            () = second => Err(Failure::Aborted),
        }
    })
}

fn nth_signal(nth: usize) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        for _ in 0..nth {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
        }
    })
}

/// `--help` and `--version` succeed; anything else is bad usage.
fn answer_instead_of_running(answer: &clap::Error) -> ExitCode {
    let wanted = matches!(
        answer.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    match answer.print() {
        Ok(()) if wanted => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(EX_USAGE),
        Err(_nobody_reads) => ExitCode::FAILURE,
    }
}

/// The last words go to standard error as they are: they are for a person, whatever the log filter says.
fn say(text: &str) {
    let _nobody_reads = writeln!(io::stderr(), "{text}");
}
