//! Turns proto/ into Rust. protox compiles the contracts, so no protoc is needed.

use std::{env, error::Error, fs, path::PathBuf};

const CONTRACTS: [&str; 2] = ["api/v1/api.proto", "datastore/v1/datastore.proto"];

/// Somebody else's, which we call and do not serve: it is no part of what reflection tells.
const ETCD: &str = "etcd/etcd.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut contracts = protox::Compiler::new(["proto"])?;
    contracts
        .include_imports(true)
        .include_source_info(true)
        .open_files(CONTRACTS)?;
    // Encoded by protox: the types of prost would lose the options that are not theirs, and with them every route.
    fs::write(
        out.join("descriptors.bin"),
        contracts.encode_file_descriptor_set(),
    )?;

    let mut config = prost_build::Config::new();
    config.enable_type_names();
    config.bytes(["."]);
    tonic_prost_build::configure()
        .codec_path("crate::codec::Codec")
        .compile_fds_with_config(contracts.file_descriptor_set(), config)?;

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
