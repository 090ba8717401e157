//! The wire format, turned into JSON by the table in `schema.rs`.

use serde_json::{Map, Value, json};

use super::schema::{self, Field, Message, Shape};

/// What every such body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// A body that is not what it says it is, or is of a kind not in the table.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtobufError {
    #[error("the body does not begin as Kubernetes' protobuf does")]
    Magic,
    #[error("the body is cut short or garbled")]
    Garbled,
    #[error("{kind} is not accepted as protobuf here; send JSON")]
    Unknown { kind: String },
}

/// A field as it is on the wire.
#[derive(Clone, Copy, Debug)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Turns a body into the JSON object it stands for.
pub(crate) fn to_json(body: &[u8]) -> Result<Value, ProtobufError> {
    let body = body.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?;
    let envelope = message(body, &schema::ENVELOPE)?;
    let kind = crate::api_server::text(&envelope["typeMeta"]["kind"]).to_owned();
    let found = schema::KINDS.into_iter().find(|(name, _)| *name == kind);
    let Some((_, schema)) = found else {
        return Err(ProtobufError::Unknown { kind });
    };
    let mut raw: &[u8] = &[];
    let mut rest = body;
    while !rest.is_empty() {
        if let (schema::RAW, Wire::Bytes(bytes)) = field(&mut rest)? {
            raw = bytes;
        }
    }
    let mut object = message(raw, schema)?;
    object["kind"] = kind.into();
    object["apiVersion"] = envelope["typeMeta"]["apiVersion"].clone();
    Ok(object)
}

/// What the table does not name is skipped: here nothing would look at it.
fn message(mut bytes: &[u8], schema: Message) -> Result<Value, ProtobufError> {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let (number, wire) = field(&mut bytes)?;
        let Some(Field { name, shape, .. }) = schema.iter().find(|field| field.number == number)
        else {
            continue;
        };
        let key = (*name).to_owned();
        match (shape, wire) {
            // Go writes empty strings that JSON leaves out.
            (Shape::Text, Wire::Bytes([])) => {}
            (Shape::Text, Wire::Bytes(bytes)) => {
                object.insert(key, text(bytes)?.into());
            }
            (Shape::Number, Wire::Number(number)) => {
                // Negative numbers are written as their two's complement.
                object.insert(key, number.cast_signed().into());
            }
            (Shape::Truth, Wire::Number(number)) => {
                object.insert(key, (number != 0).into());
            }
            (Shape::One(schema), Wire::Bytes(bytes)) => {
                object.insert(key, message(bytes, schema)?);
            }
            (Shape::Texts, Wire::Bytes(bytes)) => push(&mut object, key, text(bytes)?.into()),
            (Shape::Many(schema), Wire::Bytes(bytes)) => {
                push(&mut object, key, message(bytes, schema)?)
            }
            (Shape::Map, Wire::Bytes(bytes)) => {
                let entry = message(bytes, &schema::ENTRY)?;
                let map = object.entry(key).or_insert_with(|| json!({}));
                map[crate::api_server::text(&entry["key"])] =
                    crate::api_server::text(&entry["value"]).into();
            }
            _ => return Err(ProtobufError::Garbled),
        }
    }
    Ok(Value::Object(object))
}

fn push(object: &mut Map<String, Value>, key: String, item: Value) {
    let list = object.entry(key).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.push(item);
    }
}

fn text(bytes: &[u8]) -> Result<&str, ProtobufError> {
    std::str::from_utf8(bytes).or(Err(ProtobufError::Garbled))
}

/// Takes one field off the front: its number and what it holds.
fn field<'a>(bytes: &mut &'a [u8]) -> Result<(u64, Wire<'a>), ProtobufError> {
    let tag = varint(bytes)?;
    let wire = match tag & 7 {
        0 => Wire::Number(varint(bytes)?),
        1 => Wire::Bytes(take(bytes, 8)?),
        2 => {
            let length = usize::try_from(varint(bytes)?).or(Err(ProtobufError::Garbled))?;
            Wire::Bytes(take(bytes, length)?)
        }
        5 => Wire::Bytes(take(bytes, 4)?),
        _ => return Err(ProtobufError::Garbled),
    };
    Ok((tag >> 3, wire))
}

fn varint(bytes: &mut &[u8]) -> Result<u64, ProtobufError> {
    let mut value = 0;
    for position in 0..10 {
        let [first, rest @ ..] = *bytes else {
            return Err(ProtobufError::Garbled);
        };
        *bytes = rest;
        value |= u64::from(first & 0x7f) << (7 * position);
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ProtobufError::Garbled)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], ProtobufError> {
    let (taken, rest) = bytes
        .split_at_checked(length)
        .ok_or(ProtobufError::Garbled)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::to_json;

    /// What kubectl 1.32 sends for `create namespace try`.
    const NAMESPACE: &[u8] = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x1b\x0a\x13\x0a\x03try\x12\x00\x1a\x00\"\x00*\x002\x008\x00B\x00\x12\x00\x1a\x02\x0a\x00\x1a\x00\"\x00";

    #[test]
    fn a_namespace_of_kubectl_is_the_json_it_would_have_been() {
        let object = to_json(NAMESPACE).unwrap();

        assert_eq!(
            object,
            json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": { "name": "try" } })
        );
    }

    #[test]
    fn a_cut_body_is_refused_wherever_it_is_cut() {
        // The tail of the envelope is optional, so a cut between its fields is a shorter body, not a broken one.
        let whole = [4, 21, NAMESPACE.len() - 4, NAMESPACE.len() - 2];
        for length in (0..NAMESPACE.len()).filter(|length| !whole.contains(length)) {
            assert!(to_json(&NAMESPACE[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn an_unknown_kind_is_told_to_come_as_json() {
        let error = to_json(b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x00").unwrap_err();

        assert_eq!(
            error.to_string(),
            "Pod is not accepted as protobuf here; send JSON"
        );
    }
}
