//! The contracts, as `build.rs` compiled them, and their JSON form.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage};

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

/// Writes a message as canonical proto3 JSON: lowerCamelCase names, 64-bit integers as strings, bytes as base64, times in UTC with a `Z`.
///
/// # Panics
///
/// When `M` is no message of these contracts.
pub fn to_json<M: Message + Name>(message: &M) -> String {
    let mut dynamic = DynamicMessage::new(descriptor::<M>());
    dynamic
        .transcode_from(message)
        .expect("a message must decode as its own type");
    serde_json::to_string(&dynamic).expect("a message must have a JSON form")
}

/// Reads a message from canonical proto3 JSON.
///
/// # Errors
///
/// When `json` is not JSON, names a field that `M` does not have, or holds a value of another type; the error says where.
///
/// # Panics
///
/// When `M` is no message of these contracts.
pub fn from_json<M: Message + Name + Default>(json: &[u8]) -> Result<M, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let dynamic = DynamicMessage::deserialize(descriptor::<M>(), &mut deserializer)?;
    deserializer.end()?;
    Ok(dynamic
        .transcode_to()
        .expect("a message must encode as its own type"))
}

fn descriptor<M: Name>() -> prost_reflect::MessageDescriptor {
    POOL.get_message_by_name(&M::full_name())
        .expect("the message must be one of these contracts")
}

#[cfg(test)]
mod tests {
    use super::{from_json, records::v1::Record, to_json};

    fn mk_record() -> Record {
        Record {
            key: "greeting".to_owned(),
            value: "hi there".into(),
            content_type: "text/plain".to_owned(),
            revision: 1 << 60,
            create_time: Some(prost_types::Timestamp {
                seconds: 1_795_454_840,
                nanos: 0,
            }),
            update_time: None,
            updated_by: "system:serviceaccount:api:api".to_owned(),
        }
    }

    #[test]
    fn json_is_canonical_proto3_json() {
        let json = to_json(&mk_record());

        assert_eq!(
            json,
            r#"{"key":"greeting","value":"aGkgdGhlcmU=","contentType":"text/plain","revision":"1152921504606846976","createTime":"2026-11-23T17:27:20Z","updatedBy":"system:serviceaccount:api:api"}"#
        );
    }

    #[test]
    fn json_survives_the_way_there_and_back() {
        let record = mk_record();

        let back: Record = from_json(to_json(&record).as_bytes()).unwrap();

        assert_eq!(back, record);
    }

    #[test]
    fn json_with_an_unknown_field_is_refused_by_name() {
        let error = from_json::<Record>(br#"{"colour":"red"}"#).unwrap_err();

        assert!(error.to_string().contains("colour"), "{error}");
    }

    #[test]
    fn json_with_something_behind_it_is_refused() {
        from_json::<Record>(b"{} {}").unwrap_err();
    }
}
