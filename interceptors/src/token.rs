//! The only type that owns token bytes.

use std::fmt;

use zeroize::Zeroizing;

/// The longest token that is looked at. A projected one is about 1 KiB.
pub const MAX_TOKEN_LENGTH: usize = 16 * 1024;

/// A bearer token: well-formed, and nothing more is known of it.
///
/// Its bytes are wiped when it is dropped, and `Debug` shows none of them. The only way to them is [`Token::expose`].
pub struct Token(Zeroizing<String>);

/// Why some text is not a bearer token. It says nothing of the text but its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedToken {
    /// There is nothing.
    #[error("the token is empty")]
    Empty,
    /// It is longer than [`MAX_TOKEN_LENGTH`].
    #[error("the token is over {MAX_TOKEN_LENGTH} bytes long")]
    TooLong,
    /// It holds a character that RFC 6750 does not allow in a token: white space, a quote, a control character.
    #[error("the token has a character that no bearer token has")]
    Character,
}

// === impl Token ===

impl Token {
    /// Takes a text that has the form of a bearer token: `b64token` of [RFC 6750, section 2.1].
    ///
    /// # Errors
    ///
    /// [`MalformedToken`] says what is wrong with its form.
    ///
    /// [RFC 6750, section 2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    pub fn parse(text: &str) -> Result<Self, MalformedToken> {
        if text.is_empty() {
            return Err(MalformedToken::Empty);
        }
        if text.len() > MAX_TOKEN_LENGTH {
            return Err(MalformedToken::TooLong);
        }
        let body = text.trim_end_matches('=');
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if body.is_empty() || !body.bytes().all(allowed) {
            return Err(MalformedToken::Character);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The token itself, to be sent to whoever checks it and to nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_TOKEN_LENGTH, MalformedToken, Token};

    #[test]
    fn accepts_what_rfc_6750_calls_a_token() {
        for text in [
            "a",
            "eyJh.eyJz.c2ln",
            "abc-._~+/==",
            &"a".repeat(MAX_TOKEN_LENGTH),
        ] {
            assert_eq!(Token::parse(text).unwrap().expose(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_token_and_says_why() {
        let too_long = "a".repeat(MAX_TOKEN_LENGTH + 1);
        for (text, why) in [
            ("", MalformedToken::Empty),
            (too_long.as_str(), MalformedToken::TooLong),
            ("a b", MalformedToken::Character),
            ("a\n", MalformedToken::Character),
            ("a=b", MalformedToken::Character),
            ("===", MalformedToken::Character),
            ("\"a\"", MalformedToken::Character),
            ("tökén", MalformedToken::Character),
        ] {
            assert_eq!(Token::parse(text).unwrap_err(), why, "{text:?}");
        }
    }

    #[test]
    fn debug_shows_no_byte_of_it() {
        let token = Token::parse("a-very-secret-token").unwrap();

        assert_eq!(format!("{token:?}"), "Token(19 bytes)");
    }
}
