//! A second reading of JSON: one field, and nothing else is looked at.

use std::fmt;

use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// The way to a field, through one object after the other.
struct Path<'a>(&'a [&'a str]);

/// The value of a field; of many by that name, of the last. Nothing, when there is none, or the text is no JSON with objects on the way.
pub(super) fn field(json: &[u8], path: &[&str]) -> Option<Value> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let found = Path(path).deserialize(&mut json).ok()?;
    json.end().ok()?;
    found
}

/// The strings among the values of a field, or the one string that it is.
pub(super) fn strings(json: &[u8], path: &[&str]) -> Vec<String> {
    let texts = match field(json, path) {
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
        None => vec![],
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    texts.iter().filter_map(text).collect()
}

// === impl Path ===

impl<'de> DeserializeSeed<'de> for Path<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Value>, D::Error> {
        if self.0.is_empty() {
            Value::deserialize(json).map(Some)
        } else {
            json.deserialize_map(self)
        }
    }
}

impl<'de> Visitor<'de> for Path<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut object: M) -> Result<Option<Value>, M::Error> {
        let mut found = None;
        while let Some(key) = object.next_key::<String>()? {
            match self.0.split_first() {
                Some((name, rest)) if key == *name => found = object.next_value_seed(Path(rest))?,
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}
