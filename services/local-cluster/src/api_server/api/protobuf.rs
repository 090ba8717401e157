//! Bodies in Kubernetes' protobuf: what kubectl's typed commands (`create namespace`, `create token`) and Go clients send.
//!
//! They are turned into the JSON the same object would have been, by a table of the few messages such clients send here.

mod decode;
mod schema;

pub(super) use self::decode::to_json;
