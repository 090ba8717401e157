//! What the HTTP face of the api costs, in time and in memory.
//!
//! `cargo bench -p local-cluster --bench front_door`. The api and the data store are programs of their own, as they are deployed, started
//! from this one; callers and the stand-in cluster are in this one. What is compared takes turns, as the machine may be shared.

#[path = "../../../data-store/benches/support/figures.rs"]
mod figures;

mod calls;
mod memory;
mod part;

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

use self::part::{PART, Part};

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match env::var(PART) {
        Ok(part) => part::run(&part),
        Err(_not_a_part) => match measure() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let _nobody_reads = writeln!(io::stderr(), "{error}");
                ExitCode::FAILURE
            }
        },
    }
}

#[tokio::main]
async fn measure() -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    let mut config = local_cluster::Config::new(folder.path());
    config.address = ([127, 0, 0, 1], 0).into();
    let cluster = config.bind().await?;
    let paths = cluster.paths().clone();
    let running = tokio::spawn(cluster.run(std::future::pending()));

    let kubeconfig = paths.data_store_kubeconfig().display().to_string();
    let data_store = Part::start(
        "data-store",
        &[
            "--audience",
            "data-store",
            "--allow",
            "api/api",
            "--storage",
            "memory:",
            "--kubeconfig",
            &kubeconfig,
        ],
    )?;
    let token_path = paths.api_token().display().to_string();
    let api = Part::start(
        "api",
        &[
            "--data-store-connstring",
            &data_store.addr.to_string(),
            "--token-path",
            &token_path,
        ],
    )?;
    calls::measure(api.addr, data_store.addr, &paths.api_token()).await?;
    memory::measure(&api).await?;
    running.abort();
    Ok(())
}
