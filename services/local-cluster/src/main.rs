//! All of it on one machine, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::program(async |args: local_cluster::Args, signals| {
        Ok(args.bind().await?.run(signals).await?)
    })
}
