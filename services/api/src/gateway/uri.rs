//! Paths and queries, decoded strictly: what could be read in two ways is refused.
//!
//! A `%` must begin an escaped byte, and what comes out must be UTF-8. `.` and `..` between slashes are refused, escaped or not: most clients
//! and proxies leave them out or climb with them (RFC 3986, section 5.2.4), so that a key with them would be another record's.

use percent_encoding::percent_decode_str;
use tonic::Status;

use crate::error::bad_field;

/// What comes before the key of a record in a path.
pub(crate) const RECORDS: &str = "/v1/records/";

/// Why a part of a URL is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UriError {
    #[error("after % there must be two hexadecimal digits")]
    Escape,
    #[error("must be UTF-8")]
    NotUtf8,
    #[error("must not have . or .. between slashes; such a key can be named in gRPC only")]
    Dots,
}

/// The key in the path of a record; empty when the path ends before it.
pub(crate) fn key(path: &str) -> Result<String, Status> {
    read_key(path.strip_prefix(RECORDS).unwrap_or_default())
        .map_err(|error| bad_field("key", error.to_string()))
}

/// The names and values of a query, in their order.
pub(crate) fn pairs(query: &str) -> Result<Vec<(String, String)>, Status> {
    let error = |name: &str, error: UriError| {
        // A name that cannot be read is shown as it was written.
        bad_field(name, error.to_string())
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read_name = read_form(name).map_err(|why| error(name, why))?;
            let value = read_form(value).map_err(|why| error(&read_name, why))?;
            Ok((read_name, value))
        })
        .collect()
}

pub(crate) fn read_key(escaped: &str) -> Result<String, UriError> {
    let key = read(escaped)?;
    if key.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(UriError::Dots);
    }
    Ok(key)
}

/// As forms write it: a `+` is a space.
pub(crate) fn read_form(escaped: &str) -> Result<String, UriError> {
    read(&escaped.replace('+', " "))
}

fn read(escaped: &str) -> Result<String, UriError> {
    let mut after_percent = escaped.split('%').skip(1).map(str::as_bytes);
    let is_byte = |rest: &[u8]| {
        rest.first_chunk::<2>()
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !after_percent.all(is_byte) {
        return Err(UriError::Escape);
    }
    let decoded = percent_decode_str(escaped).decode_utf8();
    decoded
        .map(String::from)
        .map_err(|_not_utf8| UriError::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::{UriError, pairs, read_form, read_key};

    #[test]
    fn what_is_escaped_is_read_as_it_was_meant() {
        assert_eq!(read_key("a%20b%2Fc+d").unwrap(), "a b/c+d");
        assert_eq!(read_form("a%20b%2Fc+d%2B").unwrap(), "a b/c d+");
        assert_eq!(read_key("%C3%BC/%F0%9F%A6%80").unwrap(), "ü/🦀");
        assert_eq!(read_key("%2525").unwrap(), "%25");
        assert_eq!(read_key("").unwrap(), "");
    }

    #[test]
    fn a_percent_that_begins_no_byte_is_refused() {
        for escaped in ["%", "a%", "%4", "%zz", "%4g", "%%41", "%\u{fc}"] {
            assert_eq!(read_key(escaped), Err(UriError::Escape), "{escaped}");
        }
    }

    #[test]
    fn what_is_no_utf_8_is_refused() {
        for escaped in ["%ff", "%C3", "%ED%A0%80", "%C0%AF"] {
            assert_eq!(read_key(escaped), Err(UriError::NotUtf8), "{escaped}");
        }
    }

    #[test]
    fn a_key_that_others_would_climb_with_is_refused() {
        for escaped in [
            ".", "..", "../a", "a/..", "a/./b", "a/../b", "%2e%2E/a", "a%2f..",
        ] {
            assert_eq!(read_key(escaped), Err(UriError::Dots), "{escaped}");
        }
        for escaped in ["...", ".a", "a..", "a/.b", "a//b", "/"] {
            read_key(escaped).unwrap();
        }
    }

    #[test]
    fn a_query_is_read_pair_by_pair() {
        let read = pairs("prefix=a%26b&&page_size=&flag&x=1=2&prefix=c").unwrap();

        let read: Vec<_> = read.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            read,
            [
                ("prefix", "a&b"),
                ("page_size", ""),
                ("flag", ""),
                ("x", "1=2"),
                ("prefix", "c")
            ]
        );
    }

    #[test]
    fn a_query_that_cannot_be_read_is_refused_by_the_name() {
        for (query, message) in [
            ("prefix=%ff", "prefix: must be UTF-8"),
            (
                "prefix=%4",
                "prefix: after % there must be two hexadecimal digits",
            ),
            ("a=b&%ff=c", "%ff: must be UTF-8"),
            ("=%ff", "must be UTF-8"),
        ] {
            assert_eq!(pairs(query).unwrap_err().message(), message);
        }
    }
}
