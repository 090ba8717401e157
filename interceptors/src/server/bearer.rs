//! From headers to a token: exactly one, well-formed, or a refusal.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{Refusal, Token, server::refusal::Malformed};

/// The header in which the original article's client sent its token, without a scheme.
const X_CLIENT_ID: HeaderName = HeaderName::from_static("x-client-id");

/// Takes the token out of the headers, so that nothing behind the check can read it.
///
/// `authorization: Bearer <token>` and `x-client-id: <token>` are both understood. A call may carry both when they say the same.
pub(crate) fn take(headers: &mut HeaderMap) -> Result<Token, Refusal> {
    let authorization = take_one(headers, header::AUTHORIZATION);
    let client_id = take_one(headers, X_CLIENT_ID);

    let bearer = authorization?.as_ref().map(bearer).transpose()?;
    let plain = client_id?.as_ref().map(token).transpose()?;
    match (bearer, plain) {
        (None, None) => Err(Refusal::Missing),
        (Some(token), None) | (None, Some(token)) => Ok(token),
        (Some(bearer), Some(plain)) if bearer.expose() == plain.expose() => Ok(bearer),
        (Some(_), Some(_)) => Err(Refusal::Malformed(Malformed::Several)),
    }
}

/// Removes every value of a header, and returns it when it was the only one.
fn take_one(headers: &mut HeaderMap, name: HeaderName) -> Result<Option<HeaderValue>, Refusal> {
    let http::header::Entry::Occupied(entry) = headers.entry(name) else {
        return Ok(None);
    };
    let (_name, mut values) = entry.remove_entry_mult();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_second) => Err(Refusal::Malformed(Malformed::Several)),
    }
}

/// RFC 9110, section 11.4: the scheme in any case, at least one space, the token.
fn bearer(value: &HeaderValue) -> Result<Token, Refusal> {
    let text = ascii(value)?;
    let (scheme, rest) = text
        .split_once(' ')
        .ok_or(Refusal::Malformed(Malformed::Scheme))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Malformed(Malformed::Scheme));
    }
    parse(rest.trim_start_matches(' '))
}

fn token(value: &HeaderValue) -> Result<Token, Refusal> {
    parse(ascii(value)?)
}

fn parse(text: &str) -> Result<Token, Refusal> {
    Token::parse(text).map_err(|malformed| Refusal::Malformed(malformed.into()))
}

fn ascii(value: &HeaderValue) -> Result<&str, Refusal> {
    value
        .to_str()
        .map_err(|_not_ascii| Refusal::Malformed(Malformed::Scheme))
}

#[cfg(test)]
mod tests;
