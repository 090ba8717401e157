//! Which pages in a browser may call: none, unless the operator names their origins.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// What a page may send beside what every page may.
const ALLOWED: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-request-timeout"),
];

/// What a page may read beside what every page may.
const EXPOSED: [HeaderName; 4] = [
    header::ETAG,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-request-id"),
];

/// How long a browser need not ask again: two hours, which is the most that Chromium heeds.
const MAX_AGE: Duration = Duration::from_secs(7_200);

/// A text is no list of web origins.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no origin, as https://example.com or http://localhost:3000 is")]
pub(crate) struct OriginError(String);

/// Reads a list of origins; an empty one allows none, and there is no layer.
pub(crate) fn layer(origins: &str) -> Result<Option<CorsLayer>, OriginError> {
    let origin = match origins.trim() {
        "" => return Ok(None),
        "*" => AllowOrigin::any(),
        origins => {
            let origins = origins.split(',').map(|text| origin(text.trim()));
            AllowOrigin::list(origins.collect::<Result<Vec<_>, _>>()?)
        }
    };
    let layer = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::PUT, Method::DELETE])
        .allow_headers(ALLOWED)
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE);
    Ok(Some(layer))
}

/// An origin as browsers write it: scheme, host and port, and no more.
fn origin(text: &str) -> Result<HeaderValue, OriginError> {
    let error = || OriginError(text.to_owned());
    let uri: Uri = text.parse().map_err(|_not_a_uri| error())?;
    let is_origin = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme @ ("http" | "https")), Some(authority)) => {
            text == format!("{scheme}://{authority}") && !authority.as_str().contains('@')
        }
        (Some(_) | None, _) => false,
    };
    let value = HeaderValue::from_str(text).map_err(|_not_a_header| error())?;
    if is_origin { Ok(value) } else { Err(error()) }
}

#[cfg(test)]
mod tests {
    use super::layer;

    #[test]
    fn origins_are_named_one_by_one_or_all_at_once() {
        assert!(layer("").unwrap().is_none());
        for origins in [
            "*",
            "https://example.com",
            "https://a.example, http://localhost:3000",
        ] {
            assert!(layer(origins).unwrap().is_some(), "{origins}");
        }
    }

    #[test]
    fn what_no_browser_would_call_an_origin_is_refused() {
        for origins in [
            "example.com",
            "https://example.com/",
            "https://example.com/path",
            "ftp://example.com",
            "https://user@example.com",
            "https://a.example,*",
            "https://a.example,",
            "null",
        ] {
            layer(origins).unwrap_err();
        }
    }
}
