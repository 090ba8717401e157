//! The front door, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::program(api::Config::bind, async |bound, signals| {
        bound.run(signals).await
    })
}
