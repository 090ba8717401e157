//! From headers to what may be a token: exactly one, or a refusal.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{MAX_TOKEN_LENGTH, MalformedToken, Refusal, Token, server::refusal::Malformed};

/// The header in which the original article's client sent its token, without a scheme.
const X_CLIENT_ID: HeaderName = HeaderName::from_static("x-client-id");

/// What a call carries as its token, still in the header it came in.
///
/// It is of a length that is looked at, and nothing more is known: whether it has the form of a token is asked by
/// [`Credential::parse`], of those that nobody has seen before.
pub(crate) struct Credential {
    header: HeaderValue,
    /// Where the token starts in it.
    start: usize,
}

/// Takes the credential out of the headers, so that nothing behind the check can read it.
///
/// `authorization: Bearer <token>` and `x-client-id: <token>` are both understood. A call may carry both when they say the same.
pub(crate) fn take(headers: &mut HeaderMap) -> Result<Credential, Refusal> {
    let authorization = take_one(headers, header::AUTHORIZATION);
    let client_id = take_one(headers, X_CLIENT_ID);

    let bearer = authorization?.map(Credential::bearer).transpose()?;
    let plain = client_id?.map(Credential::plain).transpose()?;
    match (bearer, plain) {
        (None, None) => Err(Refusal::Missing),
        (Some(credential), None) | (None, Some(credential)) => Ok(credential),
        (Some(bearer), Some(plain)) if bearer.bytes() == plain.bytes() => Ok(bearer),
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

// === impl Credential ===

impl Credential {
    /// RFC 9110, section 11.4: the scheme in any case, at least one space, the token.
    fn bearer(header: HeaderValue) -> Result<Self, Refusal> {
        const SCHEME: &[u8] = b"bearer";
        let (scheme, rest) = header
            .as_bytes()
            .split_at_checked(SCHEME.len())
            .ok_or(Refusal::Malformed(Malformed::Scheme))?;
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        if !scheme.eq_ignore_ascii_case(SCHEME) || spaces == 0 {
            return Err(Refusal::Malformed(Malformed::Scheme));
        }
        let start = SCHEME.len() + spaces;
        Self { header, start }.of_a_length()
    }

    fn plain(header: HeaderValue) -> Result<Self, Refusal> {
        Self { header, start: 0 }.of_a_length()
    }

    fn of_a_length(self) -> Result<Self, Refusal> {
        match self.bytes().len() {
            0 => Err(malformed(MalformedToken::Empty)),
            1..=MAX_TOKEN_LENGTH => Ok(self),
            _ => Err(malformed(MalformedToken::TooLong)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.header.as_bytes().get(self.start..).unwrap_or_default()
    }

    /// The token, if it has the form of one.
    pub(crate) fn parse(&self) -> Result<Token, Refusal> {
        let text =
            str::from_utf8(self.bytes()).map_err(|_not_ascii| malformed(MalformedToken::Character));
        Token::parse(text?).map_err(malformed)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} bytes)", self.bytes().len())
    }
}

fn malformed(why: MalformedToken) -> Refusal {
    Refusal::Malformed(why.into())
}

#[cfg(test)]
mod tests;
