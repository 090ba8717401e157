//! The contracts, as `build.rs` compiled them, and their JSON form.

mod codec;
mod http;
mod json;

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

pub use self::{
    http::{HttpRoute, http_routes},
    json::{JsonError, from_json, from_query, to_json},
};

/// Records, and who a caller was proven to be: what both services speak.
pub mod records {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("records.v1");
    }
}

/// The data store, for services inside the cluster.
pub mod datastore {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("datastore.v1");
    }
}

/// The front door, for callers outside the cluster.
pub mod api {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("api.v1");
    }
}

/// The part of etcd's v3 API that the data store speaks, as its client. The names are etcd's.
pub mod etcd {
    tonic::include_proto!("etcdserverpb");
}

/// The longest value of a record, in bytes, unless an operator says otherwise.
pub const MAX_VALUE: usize = 1024 * 1024;

/// The most that an operator may say: with what goes with it, it is less than the 4 MiB that gRPC clients take by default.
pub const MAX_MAX_VALUE: usize = 3 * 1024 * 1024;

/// Reads what an operator says, in bytes.
///
/// # Errors
///
/// When it is no number from 1 to [`MAX_MAX_VALUE`].
pub fn parse_max_value(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 1..=MAX_MAX_VALUE) => Ok(bytes),
        Ok(_) | Err(_) => Err(format!("must be 1 to {MAX_MAX_VALUE}")),
    }
}

/// The longest message of a request, in bytes: the longest value, and what goes with it. A longer one is refused by its length alone.
#[must_use]
pub const fn max_request(max_value: usize) -> usize {
    max_value + 64 * 1024
}

/// Every contract and what it imports, as an encoded `google.protobuf.FileDescriptorSet`: what gRPC reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("build.rs must write a valid descriptor set")
});

/// Every contract and what it imports, to look things up in: fields, options, comments.
#[must_use]
pub fn pool() -> &'static DescriptorPool {
    &POOL
}
