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
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::take;
    use crate::{MalformedToken, Refusal, server::refusal::Malformed};

    fn mk_headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect::<Vec<_>>()
            .into_iter()
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
    }

    #[test]
    fn a_token_is_found_under_either_name() {
        for pairs in [
            vec![("authorization", "Bearer abc")],
            vec![("authorization", "bearer abc")],
            vec![("authorization", "BEARER   abc")],
            vec![("x-client-id", "abc")],
            vec![("x-client-id", "abc"), ("authorization", "Bearer abc")],
        ] {
            let mut headers = mk_headers(&pairs);

            let token = take(&mut headers).unwrap();

            assert_eq!(token.expose(), "abc", "{pairs:?}");
        }
    }

    #[test]
    fn no_header_is_no_token() {
        assert_eq!(take(&mut HeaderMap::new()).unwrap_err(), Refusal::Missing);
    }

    #[test]
    fn anything_but_one_well_formed_token_is_malformed() {
        for (pairs, why) in [
            (vec![("authorization", "abc")], Malformed::Scheme),
            (vec![("authorization", "")], Malformed::Scheme),
            (vec![("authorization", "Basic abc")], Malformed::Scheme),
            (vec![("authorization", "Bearer")], Malformed::Scheme),
            (vec![("authorization", "Bearer\tabc")], Malformed::Scheme),
            (
                vec![("authorization", "Bearer ")],
                Malformed::Token(MalformedToken::Empty),
            ),
            (
                vec![("authorization", "Bearer abc def")],
                Malformed::Token(MalformedToken::Character),
            ),
            (
                vec![("authorization", "Bearer abc, Bearer def")],
                Malformed::Token(MalformedToken::Character),
            ),
            (
                vec![("x-client-id", "")],
                Malformed::Token(MalformedToken::Empty),
            ),
            (
                vec![("x-client-id", "Bearer abc")],
                Malformed::Token(MalformedToken::Character),
            ),
            (
                vec![
                    ("authorization", "Bearer abc"),
                    ("authorization", "Bearer abc"),
                ],
                Malformed::Several,
            ),
            (
                vec![("x-client-id", "abc"), ("x-client-id", "abc")],
                Malformed::Several,
            ),
            (
                vec![("authorization", "Bearer abc"), ("x-client-id", "def")],
                Malformed::Several,
            ),
        ] {
            let refusal = take(&mut mk_headers(&pairs)).unwrap_err();

            assert_eq!(refusal, Refusal::Malformed(why), "{pairs:?}");
        }
    }

    #[test]
    fn the_token_is_gone_from_the_headers_whatever_came_of_it() {
        for pairs in [
            vec![
                ("authorization", "Bearer abc"),
                ("x-client-id", "abc"),
                ("accept", "*/*"),
            ],
            vec![
                ("authorization", "Basic abc"),
                ("x-client-id", "def"),
                ("accept", "*/*"),
            ],
            vec![
                ("authorization", "Bearer abc"),
                ("authorization", "Bearer def"),
                ("accept", "*/*"),
            ],
        ] {
            let mut headers = mk_headers(&pairs);

            let _token_or_refusal = take(&mut headers);

            assert_eq!(headers, mk_headers(&[("accept", "*/*")]), "{pairs:?}");
        }
    }
}
