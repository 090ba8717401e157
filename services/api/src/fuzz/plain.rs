//! A second reading of paths and queries: byte by byte, and nothing is left to a library.

use crate::fuzz::refusal::Refusal;

/// What comes before a key.
pub(super) const BEFORE: &str = "/v1/records/";

const NO_BYTE: &str = "after % there must be two hexadecimal digits";
const NOT_UTF8: &str = "must be UTF-8";
const DOTS: &str = "must not have . or .. between slashes; such a key can be named in gRPC only";

/// Names and values.
pub(super) type Pairs = Vec<(String, String)>;

/// The key in a path, which is empty when it is the path of no record.
pub(super) fn key(path: &str) -> Result<String, Refusal> {
    let escaped = match path.split_at_checked(BEFORE.len()) {
        Some((BEFORE, escaped)) => escaped,
        _ => "",
    };
    let key = unescape(escaped, b'+').map_err(|what| Refusal::of("key", what))?;
    if climb(&key) == key {
        Ok(key)
    } else {
        Err(Refusal::of("key", DOTS))
    }
}

/// The pairs of a query; a `+` in them is a space.
pub(super) fn pairs(query: &str) -> Result<Pairs, Refusal> {
    let mut pairs = vec![];
    for pair in query.split('&') {
        if pair.is_empty() {
            continue;
        }
        let mut parts = pair.splitn(2, '=');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let name = unescape(name, b' ').map_err(|what| Refusal::of(name, what))?;
        let value = unescape(value, b' ').map_err(|what| Refusal::of(&name, what))?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// What is left of a path when every `.` is left out, and every `..` takes with it what is before (RFC 3986, section 5.2.4).
pub(super) fn climb(path: &str) -> String {
    let mut left = vec![];
    for part in path.split('/') {
        match part {
            "." => (),
            ".." => {
                left.pop();
            }
            part => left.push(part),
        }
    }
    left.join("/")
}

/// Every byte as `%` and two digits.
pub(super) fn escape(text: &str) -> String {
    escape_all_but(text, |_byte| false)
}

/// As most clients write a path: what RFC 3986, section 2.3, calls unreserved stands for itself, and so does a slash.
pub(super) fn escape_path(text: &str) -> String {
    escape_all_but(
        text,
        |byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/'),
    )
}

fn escape_all_but(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let hex = |digit: u8| char::from_digit(digit.into(), 16).expect("four bits must be a digit");
    let mut escaped = String::new();
    for byte in text.bytes() {
        if stays(byte) {
            escaped.push(byte.into());
        } else {
            escaped.extend(['%', hex(byte >> 4).to_ascii_uppercase(), hex(byte & 15)]);
        }
    }
    escaped
}

fn unescape(escaped: &str, plus: u8) -> Result<String, &'static str> {
    let mut bytes = escaped.bytes();
    let mut read = vec![];
    while let Some(byte) = bytes.next() {
        read.push(match byte {
            b'%' => {
                let high = bytes.next().and_then(digit).ok_or(NO_BYTE)?;
                let low = bytes.next().and_then(digit).ok_or(NO_BYTE)?;
                high * 16 + low
            }
            b'+' => plus,
            byte => byte,
        });
    }
    String::from_utf8(read).map_err(|_not_utf8| NOT_UTF8)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
