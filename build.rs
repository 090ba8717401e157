//! Turns proto/ into Rust. protox compiles the contracts, so no protoc is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const CONTRACTS: [&str; 2] = ["api/v1/api.proto", "datastore/v1/datastore.proto"];

/// Somebody else's, which we call and do not serve: it is no part of what reflection tells.
const ETCD: &str = "etcd/etcd.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let descriptors = protox::compile(CONTRACTS, ["proto"])?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    let mut config = prost_build::Config::new();
    config.enable_type_names();
    config.bytes(["."]);
    tonic_prost_build::configure().compile_fds_with_config(descriptors, config)?;

    let mut config = prost_build::Config::new();
    config.bytes(["."]);
    // They hold a password and a token.
    config.skip_debug([
        ".etcdserverpb.AuthenticateRequest",
        ".etcdserverpb.AuthenticateResponse",
    ]);
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds_with_config(protox::compile([ETCD], ["proto"])?, config)?;
    Ok(())
}
