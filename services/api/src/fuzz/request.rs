//! A URL → the message that it asks with.

use std::fmt;

use axum::extract::FromRequestParts;
use futures::FutureExt as _;
use http::{Request, Uri};
use prost::{Message, Name};
use proto::records::v1::{
    DeleteRecordRequest, GetRecordRequest, GreetRequest, ListRecordsRequest, WatchRecordsRequest,
};
use serde_json::{Map, Value};

use crate::{
    error::HttpError,
    fuzz::{
        plain::{self, BEFORE, Pairs},
        refusal::Refusal,
    },
    gateway::{Keyed, Query, uri},
};

/// What may be wrong with a number.
const NOT_A_NUMBER: &str = "invalid digit found in string";
const NO_NUMBER: &str = "cannot parse integer from empty string";
const TOO_LARGE: &str = "number too large to fit in target type";
const TOO_SMALL: &str = "number too small to fit in target type";

/// A field of a message: the name in the contract, that in JSON, and what it holds.
type Field = (&'static str, &'static str, Kind);

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Int32,
    Int64,
}

const KEY: Field = ("key", "key", Kind::Text);
const EXPECTED_REVISION: Field = ("expected_revision", "expectedRevision", Kind::Int64);
const PREFIX: Field = ("prefix", "prefix", Kind::Text);
const PAGE_SIZE: Field = ("page_size", "pageSize", Kind::Int32);
const PAGE_TOKEN: Field = ("page_token", "pageToken", Kind::Text);
const START_REVISION: Field = ("start_revision", "startRevision", Kind::Int64);

/// The values of a message whose pairs are all as they should be.
struct Given<'a>(&'a Pairs);

/// Reads the text as what follows [`BEFORE`] in a URL, and from that every message that comes in one.
///
/// - The message has what the path and the query say, and nothing else.
/// - It is refused exactly when one of the two cannot be read, a field is named twice, is unknown, or is no number of its range; by the name
///   that the caller wrote, with what is wrong with it.
/// - Written as a query, field by field, it is read as the same message.
///
/// # Panics
///
/// When any of this does not hold.
pub fn request(data: &[u8]) {
    // What is none does not come this far.
    let Ok(uri) = Uri::try_from([BEFORE.as_bytes(), data].concat()) else {
        return;
    };

    let query = plain::pairs(uri.query().unwrap_or_default());
    check(&query, query_of(&uri), &[], |_given| GreetRequest {});
    check(
        &query,
        query_of(&uri),
        &[PREFIX, PAGE_SIZE, PAGE_TOKEN],
        |given| ListRecordsRequest {
            prefix: given.text(PREFIX),
            page_size: given.number(PAGE_SIZE).unwrap_or_default(),
            page_token: given.text(PAGE_TOKEN),
        },
    );
    check(&query, query_of(&uri), &[PREFIX, START_REVISION], |given| {
        WatchRecordsRequest {
            prefix: given.text(PREFIX),
            start_revision: given.number(START_REVISION).unwrap_or_default(),
        }
    });

    let keyed = plain::key(uri.path()).and_then(|key| {
        let mut pairs = query?;
        pairs.insert(0, ("key".to_owned(), key));
        Ok(pairs)
    });
    check(&keyed, keyed_of(&uri), &[KEY], |given| GetRecordRequest {
        key: given.text(KEY),
    });
    check(&keyed, keyed_of(&uri), &[KEY, EXPECTED_REVISION], |given| {
        DeleteRecordRequest {
            key: given.text(KEY),
            expected_revision: given.number(EXPECTED_REVISION),
        }
    });
}

fn query_of<M: Message + Name + Default>(uri: &Uri) -> Result<M, HttpError> {
    extract(uri).map(|Query(message)| message)
}

fn keyed_of<M: Message + Name + Default>(uri: &Uri) -> Result<M, HttpError> {
    extract(uri).map(|Keyed(message)| message)
}

fn extract<E: FromRequestParts<(), Rejection = HttpError>>(uri: &Uri) -> Result<E, HttpError> {
    let mut request = Request::new(());
    uri.clone_into(request.uri_mut());
    let (mut parts, ()) = request.into_parts();
    let extracted = E::from_request_parts(&mut parts, &()).now_or_never();
    extracted.expect("what is in a URL must be read at once")
}

/// Compares what was read with what the pairs, or the reason that there are none, make of it.
fn check<M: fmt::Debug + Message + Name + Default + PartialEq>(
    pairs: &Result<Pairs, Refusal>,
    read: Result<M, HttpError>,
    fields: &[Field],
    expected: impl Fn(&Given<'_>) -> M,
) {
    let refusals = match pairs {
        Ok(pairs) => refusals(pairs, fields),
        Err(refusal) => vec![refusal.clone()],
    };
    match (read, pairs) {
        (Ok(message), Ok(pairs)) if refusals.is_empty() => {
            assert_eq!(message, expected(&Given(pairs)));
            assert_eq!(again(&message), message);
        }
        (Ok(message), _) => unreachable!("{message:?} must be refused: {refusals:?}"),
        (Err(error), _) => {
            let refusal = Refusal::of_answer(error);
            assert!(refusals.contains(&refusal), "{refusal:?}: {refusals:?}");
        }
    }
}

/// Every reason to refuse the pairs, of which any may be given; the first field that is named twice comes before all others.
fn refusals(pairs: &Pairs, fields: &[Field]) -> Vec<Refusal> {
    let field = |name: &str| {
        let is_called =
            |(in_contract, in_json, _): &&Field| [*in_contract, *in_json].contains(&name);
        fields.iter().find(is_called)
    };
    // By one of its names, if it has two.
    let same = |name: &str| field(name).map_or(name, |field| field.0).to_owned();
    let mut seen = vec![];
    for (name, _) in pairs {
        if seen.contains(&same(name)) {
            return vec![Refusal::of(name, "is there twice")];
        }
        seen.push(same(name));
    }

    let mut refusals = vec![];
    for (name, value) in pairs {
        let what: &[&str] = match field(name) {
            None => &["there is no such field"],
            Some((_, _, Kind::Text)) => &[],
            Some((_, _, Kind::Int32)) => not_a_number(value, i32::MIN.into(), i32::MAX.into()),
            Some((_, _, Kind::Int64)) => not_a_number(value, i64::MIN.into(), i64::MAX.into()),
        };
        refusals.extend(what.iter().map(|what| Refusal::of(name, *what)));
    }
    refusals
}

/// What may be said of a text that is no number from `min` to `max`.
fn not_a_number(text: &str, min: i128, max: i128) -> &'static [&'static str] {
    match number(text) {
        None if text.is_empty() => &[NO_NUMBER],
        // It may be found too long before the end is seen.
        None => &[NOT_A_NUMBER, TOO_LARGE, TOO_SMALL],
        Some(number) if number < min => &[TOO_SMALL],
        Some(number) if number > max => &[TOO_LARGE],
        Some(_in_range) => &[],
    }
}

/// Digits, with a sign before them or none; of those that are far too large, any that is.
fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("-", digits)) => (-1, digits),
        Some(("+", digits)) => (1, digits),
        _ => (1, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0_i128;
    for digit in digits.chars() {
        let digit = "0123456789".find(digit)?;
        number = number.saturating_mul(10).saturating_add(digit as i128);
    }
    Some(sign * number)
}

/// The message, from the fields that its JSON has.
fn again<M: Message + Name + Default>(message: &M) -> M {
    let json = proto::to_json(message);
    let fields = serde_json::from_str::<Map<String, Value>>(&json);
    let fields = fields.expect("a message must be an object");
    let pair = |(name, value): (&String, &Value)| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", plain::escape(name), plain::escape(&value))
    };
    let written = fields.iter().map(pair).collect::<Vec<_>>().join("&");
    let pairs = uri::pairs(&written).expect("what was written must be read");
    proto::from_query(pairs).expect("what was read must be read again")
}

// === impl Given ===

impl Given<'_> {
    fn value(&self, (in_contract, in_json, _): Field) -> Option<&str> {
        let mut pairs = self.0.iter();
        let pair = pairs.find(|(name, _)| name == in_contract || name == in_json);
        pair.map(|(_, value)| value.as_str())
    }

    fn text(&self, field: Field) -> String {
        self.value(field).unwrap_or_default().to_owned()
    }

    fn number<N: TryFrom<i128, Error: fmt::Debug>>(&self, field: Field) -> Option<N> {
        let number = number(self.value(field)?).expect("a number must be one");
        Some(N::try_from(number).expect("a number must be in its range"))
    }
}
