//! From `main` to exit code.

use std::{
    env,
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

/// Runs a program: reads its arguments, starts its logs, binds it, and runs it until the first SIGTERM or SIGINT.
///
/// A signal before it runs ends it at once, and so does a second one while it stops. Logs go to standard error, as `RUST_LOG` says.
pub fn program<A: Parser, B>(
    bind: impl AsyncFnOnce(A) -> Result<B, Problems>,
    run: impl AsyncFnOnce(B, Signals) -> Result<(), Stopped>,
) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(answer) => return answer_instead_of_running(&answer),
    };
    let ended = match start_logs() {
        Ok(()) => block_on(args, bind, run),
        Err(problems) => Err(problems.into()),
    };
    match ended {
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

fn start_logs() -> Result<(), Problems> {
    let mut problems = Problems::new();
    let directives = env::var("RUST_LOG").unwrap_or_default();
    let directives = if directives.is_empty() {
        DEFAULT_FILTER
    } else {
        &directives
    };
    let filter = problems.check("RUST_LOG", EnvFilter::try_new(directives));
    problems.none()?;
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_default())
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    Ok(())
}

fn block_on<A, B>(
    args: A,
    bind: impl AsyncFnOnce(A) -> Result<B, Problems>,
    run: impl AsyncFnOnce(B, Signals) -> Result<(), Stopped>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let (while_binding, first, second) = (nth_signal(1)?, nth_signal(1)?, nth_signal(2)?);
        let bound = tokio::select! {
            bound = bind(args) => bound?,
            () = while_binding => return Ok(()),
        };
        tokio::select! {
            ended = run(bound, Box::pin(first)) => Ok(ended?),
            () = second => Err(Failure::Aborted),
        }
    });
    // What still blocks a thread, a file that does not answer or a scan of one, must not keep the program.
    runtime.shutdown_background();
    ended
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
