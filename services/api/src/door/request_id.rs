//! The name of a request, to find it again in logs.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, in and out.
pub(super) const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ones are not taken over: they end up in every line of the log.
const MAX_LENGTH: usize = 128;

/// The caller's own name for its request, or one that nobody else has.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

// === impl RequestId ===

impl RequestId {
    /// Takes the caller's, if it is one word of visible ASCII and not too long; else makes one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(NAME).iter();
        match (given.next(), given.next()) {
            (Some(one), None) if is_fit(one.as_bytes()) => Self(one.clone()),
            _ => {
                let made = Uuid::new_v4().to_string();
                Self(HeaderValue::try_from(made).expect("a UUID must be a header"))
            }
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().expect("an id must be visible ASCII")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        id.0
    }
}

fn is_fit(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{NAME, RequestId};

    fn id(given: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for id in given {
            headers.append(NAME, HeaderValue::from_bytes(id.as_bytes()).unwrap());
        }
        RequestId::of(&headers).to_string()
    }

    #[test]
    fn a_callers_own_is_kept() {
        assert_eq!(id(&["a-request/7"]), "a-request/7");
    }

    #[test]
    fn without_a_fit_one_each_request_gets_its_own() {
        let long = "x".repeat(129);
        for given in [
            &[][..],
            &[""],
            &["two words"],
            &["a\ttab"],
            &["ü"],
            &[&long],
            &["one", "two"],
        ] {
            let (one, other) = (id(given), id(given));

            assert_eq!(one.len(), 36, "{one}");
            assert_ne!(one, other);
        }
    }
}
