//! The front door, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::program(async |config: api::Config, signals| {
        Ok(config.bind().await?.run(signals).await?)
    })
}
