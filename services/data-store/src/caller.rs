//! Who a caller was proven to be, in the words of the contract.

use std::time::SystemTime;

use prost_types::Timestamp;
use proto::records::v1;
use tonic_kube_auth::{BoundObject, Caller};

/// Describes a proven caller.
pub(crate) fn describe(caller: &Caller) -> v1::Caller {
    let identity = caller.identity();
    v1::Caller {
        username: identity.username().to_owned(),
        uid: identity.uid().to_owned(),
        groups: identity.groups().map(str::to_owned).collect(),
        audiences: identity.audiences().map(str::to_owned).collect(),
        namespace: caller.service_account().namespace().to_owned(),
        service_account: caller.service_account().name().to_owned(),
        pod: identity.pod().map(reference),
        node: identity.node().map(reference),
        credential_id: identity.credential_id().unwrap_or_default().to_owned(),
        expire_time: identity.expires_at().and_then(timestamp),
    }
}

fn reference(object: BoundObject<'_>) -> v1::ObjectReference {
    v1::ObjectReference {
        name: object.name.to_owned(),
        uid: object.uid.unwrap_or_default().to_owned(),
    }
}

/// Nothing for a time that JSON could not write: proto3 ends in the year 9999.
fn timestamp(at: SystemTime) -> Option<Timestamp> {
    const LAST: i64 = 253_402_300_799;
    let timestamp = Timestamp::from(at);
    (timestamp.seconds <= LAST).then_some(timestamp)
}
