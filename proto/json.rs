//! Messages in canonical proto3 JSON, and out of the query of a URL.

use std::{collections::HashMap, fmt};

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};
use serde_path_to_error::{Deserializer as Tracked, Track};

/// How the JSON reader begins to say that it does not know a field, before the name.
const UNKNOWN: &str = "unrecognized field name '";

/// A text is not the message it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", if field.is_empty() { String::new() } else { format!("{field}: ") })]
pub struct JsonError {
    /// The way to the field that is wrong, for example `value`; empty when none of them is, but the whole.
    pub field: String,
    /// What is wrong.
    pub what: String,
}

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
/// When `json` is not an object, names a field that `M` does not have, or one twice, or holds a value of another type.
///
/// # Panics
///
/// When `M` is no message of these contracts.
pub fn from_json<M: Message + Name + Default>(json: &[u8]) -> Result<M, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut track = Track::new();
    let Fields(fields) =
        Fields::deserialize(Tracked::new(&mut deserializer, &mut track)).map_err(|error| {
            // Only which field it is: what is in there means nothing yet.
            let path = track.path();
            let field = path.iter().next().map(ToString::to_string);
            JsonError::of(&field.unwrap_or_default(), &error)
        })?;
    deserializer
        .end()
        .map_err(|error| JsonError::of("", &error))?;
    from_fields(fields)
}

/// Reads a message from pairs of a field's name, as the contract or as JSON has it, and its value as text.
///
/// # Errors
///
/// When `M` has no such field, when it is named twice, or when its value is of another type.
///
/// # Panics
///
/// When `M` is no message of these contracts.
pub fn from_query<M: Message + Name + Default>(
    pairs: impl IntoIterator<Item = (String, String)>,
) -> Result<M, JsonError> {
    let pairs = pairs.into_iter();
    from_fields(pairs.map(|(name, value)| (name, Value::String(value))))
}

/// Names and values, of which there may be several with one name.
struct Fields(Vec<(String, Value)>);

fn from_fields<M: Message + Name + Default>(
    fields: impl IntoIterator<Item = (String, Value)>,
) -> Result<M, JsonError> {
    let descriptor = descriptor::<M>();
    let mut object = Map::new();
    let mut names = HashMap::new();
    for (name, value) in fields {
        let known = descriptor
            .get_field_by_json_name(&name)
            .or_else(|| descriptor.get_field_by_name(&name));
        // What is unknown is refused below, with everything else.
        let key = known.map_or_else(|| name.clone(), |field| field.json_name().to_owned());
        if object.insert(key.clone(), value).is_some() {
            return Err(JsonError::new(name, "is there twice"));
        }
        names.insert(key, name);
    }
    let mut track = Track::new();
    let tracked = Tracked::new(Value::Object(object), &mut track);
    let dynamic = DynamicMessage::deserialize(descriptor, tracked).map_err(|error| {
        let error = JsonError::of(&track.path().to_string(), &error);
        // As the caller wrote it.
        let written = names.get(&error.field).unwrap_or(&error.field);
        JsonError::new(written, error.what)
    })?;
    Ok(dynamic
        .transcode_to()
        .expect("a message must encode as its own type"))
}

fn descriptor<M: Name>() -> MessageDescriptor {
    crate::pool()
        .get_message_by_name(&M::full_name())
        .expect("the message must be one of these contracts")
}

// === impl Fields ===

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

// === impl JsonError ===

impl JsonError {
    fn new(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            what: what.into(),
        }
    }

    fn of(path: &str, error: &impl ToString) -> Self {
        let what = error.to_string();
        // That is how it writes the whole, and what it lost its way in.
        let path = if matches!(path, "." | "?") { "" } else { path };
        // The way ends at the message that does not know the field.
        let unknown = what.strip_prefix(UNKNOWN);
        // The last quote: what is behind it says only where, and a name may have its own.
        match unknown.and_then(|rest| rest.rsplit_once('\'')) {
            Some((name, _where)) => {
                let dot = if path.is_empty() { "" } else { "." };
                Self::new(format!("{path}{dot}{name}"), "there is no such field")
            }
            None => Self::new(path, what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{from_json, from_query, to_json};
    use crate::records::v1::{ListRecordsRequest, ListRecordsResponse, Record};

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

    fn query(pairs: &[(&str, &str)]) -> Result<ListRecordsRequest, String> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        from_query(pairs).map_err(|error| error.to_string())
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
    fn json_with_an_unknown_field_is_refused_with_the_way_to_it() {
        for (json, way) in [
            (r#"{"colour":"red"}"#, "colour"),
            (r#"{"records":[{},{"colour":"red"}]}"#, "records[1].colour"),
            (r#"{"revision'x":1}"#, "revision'x"),
        ] {
            let error = from_json::<ListRecordsResponse>(json.as_bytes()).unwrap_err();

            assert_eq!(error.to_string(), format!("{way}: there is no such field"));
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_the_way_to_it() {
        for (json, way) in [
            (r#"{"records":[{"key":1}]}"#, "records[0].key"),
            (r#"{"revision":"9223372036854775808"}"#, "revision"),
            (r#"{"revision":1e300}"#, "revision"),
            (r#"{"revision":1.5}"#, "revision"),
            (
                r#"{"records":[{"value":"not base64!"}]}"#,
                "records[0].value",
            ),
            ("[]", ""),
            ("{", ""),
        ] {
            let error = from_json::<ListRecordsResponse>(json.as_bytes()).unwrap_err();

            assert_eq!(error.field, way, "{error}");
        }
    }

    #[test]
    fn a_field_that_is_there_twice_under_either_name_is_refused() {
        for json in [
            r#"{"contentType":"a/b","contentType":"a/b"}"#,
            r#"{"content_type":"a/b","contentType":"a/b"}"#,
        ] {
            let error = from_json::<Record>(json.as_bytes()).unwrap_err();

            assert_eq!(error.to_string(), "contentType: is there twice");
        }
    }

    #[test]
    fn json_with_something_behind_it_is_refused() {
        from_json::<Record>(b"{} {}").unwrap_err();
    }

    #[test]
    fn json_nested_ten_thousand_deep_is_refused() {
        let deep = format!(r#"{{"records":{}"#, "[".repeat(10_000));

        from_json::<ListRecordsResponse>(deep.as_bytes()).unwrap_err();
        let error = from_json::<Record>(deep.as_bytes()).unwrap_err();

        assert_eq!(error.field, "records");
    }

    #[test]
    fn a_query_names_fields_as_the_contract_or_as_json_does() {
        for name in ["page_size", "pageSize"] {
            let request = query(&[("prefix", "a/"), (name, "7")]).unwrap();

            assert_eq!((request.prefix.as_str(), request.page_size), ("a/", 7));
        }
    }

    #[test]
    fn a_query_that_is_not_the_message_is_refused_by_the_field() {
        for (pairs, why) in [
            (&[("colour", "red")][..], "colour: there is no such field"),
            (
                &[("page_size", "1"), ("pageSize'x", "1")],
                "pageSize'x: there is no such field",
            ),
            (
                &[("prefix", "a"), ("prefix", "a")],
                "prefix: is there twice",
            ),
            (
                &[("page_size", "1"), ("pageSize", "1")],
                "pageSize: is there twice",
            ),
            (
                &[("page_size", "many")],
                "page_size: invalid digit found in string",
            ),
            (
                &[("page_size", "2147483648")],
                "page_size: number too large to fit in target type",
            ),
            (
                &[("page_size", "")],
                "page_size: cannot parse integer from empty string",
            ),
        ] {
            assert_eq!(query(pairs).unwrap_err(), why);
        }
    }
}
