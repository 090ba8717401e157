//! Headers → one token, or a refusal.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{MAX_TOKEN_LENGTH, Refusal, Token, server::bearer};

const AUTHORIZATION: &str = "authorization";
const X_CLIENT_ID: &str = "x-client-id";
const BYSTANDER: &str = "accept";

/// A call as long as we look at it: each of the two headers twice at most, and one besides.
const MAX_HEADERS: usize = 3;

/// A header: one of the three names, and its value.
type Header = (&'static str, HeaderValue);

/// Takes a token out of up to three headers, one a line, written `name: value`.
///
/// - Whatever comes of it, neither header remains, and no other is touched.
/// - There is a token exactly when one value holds one of at most [`MAX_TOKEN_LENGTH`] bytes, or two values hold the same.
/// - Otherwise it is missing, or malformed.
/// - Whatever can be shown of the outcome is the same for any other token of the same form.
///
/// # Panics
///
/// When any of this does not hold.
pub fn bearer(data: &[u8]) {
    let headers = parse(data);

    let (outcome, shown) = take(&headers);

    match (&outcome, expected(&headers)) {
        (Ok(token), Some(expected)) => assert_eq!(token.expose().as_bytes(), expected),
        (Err(refusal), None) => {
            let is_missing = headers.iter().all(|(name, _)| *name == BYSTANDER);
            let reason = if is_missing {
                "TOKEN_MISSING"
            } else {
                "TOKEN_MALFORMED"
            };
            assert_eq!(refusal.reason(), Some(reason));
        }
        (Ok(_), None) => unreachable!("a token must not come from what holds none"),
        (Err(refusal), Some(_)) => unreachable!("a token must be found: {refusal}"),
    }
    let (_another, shown_of_another) = take(&disguised(&headers));
    assert!(shown == shown_of_another, "a token must not be shown");
}

/// Reads lines as headers. A line that names neither header is one that nobody may touch; what no header can hold is left out.
fn parse(data: &[u8]) -> Vec<Header> {
    let lines = data.split(|byte| *byte == b'\n').take(MAX_HEADERS);
    let header = |line| {
        let value = |name: &str| {
            <[u8]>::strip_prefix(line, name.as_bytes()).and_then(|rest| rest.strip_prefix(b": "))
        };
        let (name, value) = [AUTHORIZATION, X_CLIENT_ID]
            .into_iter()
            .find_map(|name| Some((name, value(name)?)))
            .unwrap_or((BYSTANDER, line));
        Some((name, HeaderValue::from_bytes(value).ok()?))
    };
    lines.filter_map(header).collect()
}

/// Takes the token, and tells all that can be shown of what comes of it.
fn take(headers: &[Header]) -> (Result<Token, Refusal>, String) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), value.clone());
    }

    let credential = bearer::take(&mut map);

    let bystanders = headers.iter().filter(|(name, _)| *name == BYSTANDER);
    assert!(
        map.iter()
            .map(|(name, value)| (name.as_str(), value))
            .eq(bystanders.map(|(name, value)| (*name, value))),
        "the two headers must go, and the others stay"
    );
    let mut shown = format!("{credential:?}");
    let outcome = credential.and_then(|credential| credential.parse());
    shown += &format!("{outcome:?}");
    if let Err(refusal) = &outcome {
        shown += &format!(
            "{refusal}{:?}{:?}",
            refusal.to_status(),
            refusal.http_headers()
        );
    }
    (outcome, shown)
}

/// The token that the headers hold, read again.
fn expected(headers: &[Header]) -> Option<&[u8]> {
    let values = |of: &'static str| {
        let values = headers.iter().filter(move |(name, _)| *name == of);
        values.map(|(_, value)| value.as_bytes())
    };
    if values(AUTHORIZATION).count() > 1 || values(X_CLIENT_ID).count() > 1 {
        return None;
    }
    let mut tokens = values(X_CLIENT_ID).collect::<Vec<_>>();
    for value in values(AUTHORIZATION) {
        let is_scheme = value.to_ascii_lowercase().starts_with(b"bearer ");
        let at = value.iter().skip("bearer".len()).position(|b| *b != b' ');
        let token = value.get("bearer".len() + at?..)?;
        tokens.push(is_scheme.then_some(token)?);
    }
    let (token, others) = tokens.split_first()?;
    (is_token(token) && others.iter().all(|other| other == token)).then_some(*token)
}

/// RFC 6750, section 2.1: `b64token`.
fn is_token(text: &[u8]) -> bool {
    let end = text.iter().position(|byte| *byte == b'=');
    let (body, padding) = text.split_at(end.unwrap_or(text.len()));
    let is_in_body = |byte: &u8| {
        matches!(
            byte,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/'
        )
    };
    text.len() <= MAX_TOKEN_LENGTH
        && !body.is_empty()
        && body.iter().all(is_in_body)
        && padding.iter().all(|byte| *byte == b'=')
}

/// The same headers with another letter for each letter of a token, and another digit for each digit: what was equal stays equal.
fn disguised(headers: &[Header]) -> Vec<Header> {
    let disguise = |(name, value): &Header| {
        let mut bytes = value.as_bytes().to_vec();
        let scheme = match *name {
            AUTHORIZATION => "bearer".len(),
            X_CLIENT_ID => 0,
            _bystander => bytes.len(),
        };
        for byte in bytes.iter_mut().skip(scheme) {
            *byte = match *byte {
                b'Z' => b'A',
                b'z' => b'a',
                b'9' => b'0',
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => *byte + 1,
                other => other,
            };
        }
        let value = HeaderValue::from_bytes(&bytes);
        (*name, value.expect("what was a value must stay one"))
    };
    headers.iter().map(disguise).collect()
}
