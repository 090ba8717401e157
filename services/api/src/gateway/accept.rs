//! Which form of an answer its caller asks for.

use http::{HeaderMap, header};

pub(super) const JSON: &str = "application/json";
pub(super) const EVENT_STREAM: &str = "text/event-stream";
pub(super) const NDJSON: &str = "application/x-ndjson";

/// Whether a form is asked for by its name; a pattern such as `*/*` is no such wish.
pub(super) fn names(headers: &HeaderMap, media_type: &str) -> bool {
    accepted(headers).any(|accepted| essence(accepted).eq_ignore_ascii_case(media_type))
}

/// Whether a form would be taken: by its name, by a pattern, or because nothing is said.
pub(super) fn takes(headers: &HeaderMap, media_type: &str) -> bool {
    if !headers.contains_key(header::ACCEPT) {
        return true;
    }
    accepted(headers).map(essence).any(|accepted| {
        let of_type = || accepted.strip_suffix("/*");
        accepted == "*/*"
            || accepted.eq_ignore_ascii_case(media_type)
            || of_type().is_some_and(|name| {
                let (own, _subtype) = media_type.split_once('/').unwrap_or_default();
                name.eq_ignore_ascii_case(own)
            })
    })
}

/// Whether a media type is `application/json`, parameters aside.
pub(super) fn is_json(media_type: &str) -> bool {
    essence(media_type).eq_ignore_ascii_case(JSON)
}

fn accepted(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .flat_map(|accept| accept.split(','))
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{EVENT_STREAM, JSON, names, takes};

    fn mk_headers(accept: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))])
    }

    #[test]
    fn json_is_wanted_only_when_it_is_named() {
        for (accept, expected) in [
            ("application/json", true),
            ("text/html, application/json;q=0.9", true),
            ("*/*", false),
            ("application/*", false),
            ("text/plain", false),
        ] {
            assert_eq!(names(&mk_headers(accept), JSON), expected, "{accept}");
        }
    }

    #[test]
    fn a_form_is_taken_by_name_by_pattern_or_when_nothing_is_said() {
        for (accept, expected) in [
            ("text/event-stream", true),
            ("application/json, text/*;q=0.1", true),
            ("*/*", true),
            ("application/*", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(
                takes(&mk_headers(accept), EVENT_STREAM),
                expected,
                "{accept}"
            );
        }
        assert!(takes(&HeaderMap::new(), EVENT_STREAM));
    }
}
