//! All of it on one machine, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::program(local_cluster::Args::bind, async |local, signals| {
        local.run(signals).await
    })
}
