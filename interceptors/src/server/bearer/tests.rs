use http::{HeaderMap, HeaderName, HeaderValue};

use super::take;
use crate::{MAX_TOKEN_LENGTH, MalformedToken, Refusal, server::refusal::Malformed};

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

        let token = take(&mut headers).unwrap().parse().unwrap();

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
        let taken = take(&mut mk_headers(&pairs));
        let refusal = taken.and_then(|credential| credential.parse()).unwrap_err();

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

#[test]
fn what_is_too_long_is_refused_as_it_stands() {
    let too_long = "a".repeat(MAX_TOKEN_LENGTH + 1);
    let mut headers = mk_headers(&[("x-client-id", &too_long)]);

    let refusal = take(&mut headers).unwrap_err();

    assert_eq!(
        refusal,
        Refusal::Malformed(Malformed::Token(MalformedToken::TooLong))
    );
}

#[test]
fn debug_shows_nothing_of_it() {
    let credential = take(&mut mk_headers(&[("x-client-id", "secret")])).unwrap();

    assert_eq!(format!("{credential:?}"), "Credential(6 bytes)");
}
