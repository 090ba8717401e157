//! The data store, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::program(async |config: data_store::Config, signals| {
        Ok(config.bind().await?.run(signals).await?)
    })
}
