//! Conditional requests (RFC 9110, section 13). The ETag of a record is its revision, in quotes.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tonic::{Code, Status};

use crate::error::{HttpError, bad_field};

const WILDCARD: &str = "*";

/// What a tag that is none of ours names. No store gets there.
const OF_NO_RECORD: i64 = i64::MAX;

/// What a write asks for by its `If-Match` or `If-None-Match`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// The revision that the record must be at, 0 when there must be none; nothing when the headers ask for nothing.
    pub(super) expected: Option<i64>,
}

/// The ETag of a record.
pub(super) fn etag(revision: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{revision}\"")).expect("a quoted number must be a header")
}

/// Whether a reader has the record at this revision already, by its `If-None-Match`.
pub(super) fn has_already(headers: &HeaderMap, revision: i64) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        // The comparison is the weak one.
        .any(|tag| tag == WILDCARD || revision_of(tag.trim_start_matches("W/")) == Some(revision))
}

// === impl Condition ===

impl Condition {
    /// Reads the headers of a write.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, HttpError> {
        let must_match = one(headers, &header::IF_MATCH)?;
        let must_not_match = one(headers, &header::IF_NONE_MATCH)?;
        let expected = match (must_match, must_not_match) {
            (None, None) => None,
            (None, Some(WILDCARD)) => Some(0),
            (Some(tag), None) if tag != WILDCARD && !tag.contains(',') => {
                Some(revision_of(tag).unwrap_or(OF_NO_RECORD))
            }
            (Some(_), None) => {
                return Err(HttpError::bad_request(
                    "if-match must be one ETag, as a record was read with it",
                ));
            }
            (None, Some(_)) => {
                return Err(HttpError::bad_request(
                    "if-none-match must be * for a write: that there is no record yet",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(HttpError::bad_request(
                    "if-match and if-none-match exclude each other",
                ));
            }
        };
        Ok(Self { expected })
    }

    /// Makes it the condition of a write, which may have said the same by itself, in the field called `name`.
    pub(super) fn join(&self, name: &str, own: &mut Option<i64>) -> Result<(), HttpError> {
        let (Some(expected), given) = (self.expected, *own) else {
            return Ok(());
        };
        if given.is_some_and(|given| given != expected) {
            return Err(bad_field(name, "is not what the headers ask for").into());
        }
        *own = Some(expected);
        Ok(())
    }

    /// What the answer to a write means to a caller who gave this condition.
    pub(super) fn explain(&self, status: Status) -> HttpError {
        if self.expected.is_some() && status.code() == Code::Aborted {
            return HttpError::with_status(StatusCode::PRECONDITION_FAILED, status);
        }
        status.into()
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, HttpError> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value.trim())),
        (Some(_), _) => Err(HttpError::bad_request(format!(
            "there must be one {name}, in visible ASCII"
        ))),
    }
}

/// Answers nothing for what [`etag`] did not make.
fn revision_of(tag: &str) -> Option<i64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let revision: i64 = digits.parse().ok()?;
    (revision > 0 && revision.to_string() == digits).then_some(revision)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode, header};

    use super::{Condition, OF_NO_RECORD, etag, has_already};

    fn mk_headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn condition(pairs: &[(http::HeaderName, &str)]) -> Result<Option<i64>, StatusCode> {
        Condition::of(&mk_headers(pairs))
            .map(|condition| condition.expected)
            .map_err(|error| error.into_test_parts().0)
    }

    #[test]
    fn a_write_expects_what_its_headers_say() {
        assert_eq!(condition(&[]), Ok(None));
        assert_eq!(condition(&[(header::IF_MATCH, "\"7\"")]), Ok(Some(7)));
        assert_eq!(condition(&[(header::IF_NONE_MATCH, "*")]), Ok(Some(0)));
    }

    #[test]
    fn a_tag_that_is_none_of_ours_matches_no_record() {
        for tag in [
            "7", "W/\"7\"", "\"x\"", "\"-7\"", "\"0\"", "\"07\"", "\"+7\"", "\"",
        ] {
            let given = condition(&[(header::IF_MATCH, tag)]);

            assert_eq!(given, Ok(Some(OF_NO_RECORD)), "{tag}");
        }
    }

    #[test]
    fn what_cannot_be_one_condition_is_a_bad_request() {
        for pairs in [
            &[(header::IF_MATCH, "*")][..],
            &[(header::IF_MATCH, "\"7\", \"8\"")],
            &[(header::IF_NONE_MATCH, "\"7\"")],
            &[(header::IF_MATCH, "\"7\""), (header::IF_NONE_MATCH, "*")],
        ] {
            assert_eq!(condition(pairs), Err(StatusCode::BAD_REQUEST), "{pairs:?}");
        }
        let mut twice = mk_headers(&[(header::IF_MATCH, "\"7\"")]);
        twice.append(header::IF_MATCH, HeaderValue::from_static("\"8\""));
        Condition::of(&twice).unwrap_err();
    }

    #[test]
    fn a_reader_has_what_any_of_its_tags_names() {
        for (tags, has) in [
            ("\"7\"", true),
            ("W/\"7\"", true),
            ("\"6\", \"7\"", true),
            ("*", true),
            ("\"8\"", false),
            ("7", false),
        ] {
            let headers = mk_headers(&[(header::IF_NONE_MATCH, tags)]);

            assert_eq!(has_already(&headers, 7), has, "{tags}");
        }
        assert!(!has_already(&HeaderMap::new(), 7));
    }

    #[test]
    fn an_etag_leads_back_to_its_revision() {
        let tag = etag(1 << 60);

        let given = condition(&[(header::IF_MATCH, tag.to_str().unwrap())]);

        assert_eq!(given, Ok(Some(1 << 60)));
    }
}
