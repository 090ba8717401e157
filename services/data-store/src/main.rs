//! The data store, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::program(data_store::Config::bind, async |bound, signals| {
        bound.run(signals).await
    })
}
