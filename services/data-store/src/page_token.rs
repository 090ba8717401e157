//! Where the next page begins, as a text that callers hand back but cannot usefully make.
//!
//! The base64url of: a version byte; 16 bytes of a SHA-256 over that byte, the prefix and the key; the last key of the page before.
//! The digest finds what was altered or was given out for another prefix. It is no secret and guards none: a caller who computes one
//! starts at a key of its choice, among keys it may list anyway.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};

const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 16;

/// Why a page token cannot be gone on from. Does not say more: there is only one thing to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "page_token was not given out for this prefix; start again from the first page, with no page_token"
)]
pub(crate) struct PageTokenError;

/// Makes the token for the page after the one that ended with `last_key`.
pub(crate) fn encode(prefix: &str, last_key: &str) -> String {
    let mut bytes = Vec::with_capacity(1 + DIGEST_BYTES + last_key.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&digest(prefix, last_key));
    bytes.extend_from_slice(last_key.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Answers the last key of the page before.
pub(crate) fn decode(prefix: &str, token: &str) -> Result<String, PageTokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().ok_or(PageTokenError)?;
    let (&version, rest) = bytes.split_first().ok_or(PageTokenError)?;
    let (given, key) = rest
        .split_first_chunk::<DIGEST_BYTES>()
        .ok_or(PageTokenError)?;
    let key = str::from_utf8(key).ok().ok_or(PageTokenError)?;
    if version != VERSION || *given != digest(prefix, key) {
        return Err(PageTokenError);
    }
    Ok(key.to_owned())
}

fn digest(prefix: &str, key: &str) -> [u8; DIGEST_BYTES] {
    let mut context = Context::new(&SHA256);
    context.update(b"data-store page token");
    context.update(&[VERSION]);
    // The length keeps prefix and key apart: "a" + "bc" is not "ab" + "c".
    context.update(&(prefix.len() as u64).to_be_bytes());
    context.update(prefix.as_bytes());
    context.update(key.as_bytes());
    *context
        .finish()
        .as_ref()
        .first_chunk()
        .expect("a SHA-256 must be longer than its first half")
}

#[cfg(test)]
mod tests {
    use super::{PageTokenError, decode, encode};

    #[test]
    fn a_token_leads_back_to_its_key() {
        for (prefix, key) in [("", "a"), ("a/", "a/b"), ("ü", "ü/ü")] {
            assert_eq!(decode(prefix, &encode(prefix, key)), Ok(key.to_owned()));
        }
    }

    #[test]
    fn a_token_does_for_its_own_prefix_alone() {
        let token = encode("a/", "a/b");

        for other in ["", "a", "a/b", "b/"] {
            assert_eq!(decode(other, &token), Err(PageTokenError), "{other}");
        }
    }

    #[test]
    fn a_token_with_any_byte_changed_is_refused() {
        let token = encode("a/", "a/bc").into_bytes();

        for at in 0..token.len() {
            for byte in (0..=0x7f).filter(|byte| *byte != token[at]) {
                let mut altered = token.clone();
                altered[at] = byte;
                let altered = String::from_utf8(altered).unwrap();

                assert_eq!(decode("a/", &altered), Err(PageTokenError), "{altered}");
            }
        }
    }

    #[test]
    fn a_token_cut_short_or_grown_is_refused() {
        let token = encode("a/", "a/bc");

        for length in 0..token.len() {
            assert_eq!(decode("a/", &token[..length]), Err(PageTokenError));
        }
        for more in ["A", "=", "AAAA", " "] {
            assert_eq!(decode("a/", &format!("{token}{more}")), Err(PageTokenError));
        }
    }

    #[test]
    fn foreign_text_is_refused() {
        for foreign in ["x", "page 2", "AQ", "ü", &"A".repeat(10_000)] {
            assert_eq!(decode("", foreign), Err(PageTokenError));
        }
    }
}
