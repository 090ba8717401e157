//! Where the next page begins, as a text that callers hand back but cannot usefully make.
//!
//! The base64url of: a version byte; 16 bytes of a SHA-256 over all else and the prefix; the revision that the list shows, in eight bytes;
//! the last key of the page before.
//! The digest finds what was altered or was given out for another prefix. It is no secret and guards none: a caller who computes one
//! starts at a key of its choice, among keys it may list anyway.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};

const VERSION: u8 = 2;
const DIGEST_BYTES: usize = 16;
const REVISION_BYTES: usize = size_of::<i64>();

/// Why a page token cannot be gone on from. Does not say more: there is only one thing to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "page_token was not given out for this prefix; start again from the first page, with no page_token"
)]
pub(crate) struct PageTokenError;

/// Where a page ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The revision that the whole list shows.
    pub(crate) revision: i64,
    /// The last key of the page.
    pub(crate) key: String,
}

/// Makes the token for the page after the one that ended at `place`.
pub(crate) fn encode(prefix: &str, place: &Place) -> String {
    let mut bytes = Vec::with_capacity(1 + DIGEST_BYTES + REVISION_BYTES + place.key.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&digest(prefix, place));
    bytes.extend_from_slice(&place.revision.to_be_bytes());
    bytes.extend_from_slice(place.key.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Answers where the page before ended.
pub(crate) fn decode(prefix: &str, token: &str) -> Result<Place, PageTokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().ok_or(PageTokenError)?;
    let (&version, rest) = bytes.split_first().ok_or(PageTokenError)?;
    let (given, rest) = rest
        .split_first_chunk::<DIGEST_BYTES>()
        .ok_or(PageTokenError)?;
    let (revision, key) = rest
        .split_first_chunk::<REVISION_BYTES>()
        .ok_or(PageTokenError)?;
    let place = Place {
        revision: i64::from_be_bytes(*revision),
        key: str::from_utf8(key).ok().ok_or(PageTokenError)?.to_owned(),
    };
    if version != VERSION || *given != digest(prefix, &place) {
        return Err(PageTokenError);
    }
    Ok(place)
}

fn digest(prefix: &str, place: &Place) -> [u8; DIGEST_BYTES] {
    let mut context = Context::new(&SHA256);
    context.update(b"data-store page token");
    context.update(&[VERSION]);
    // The length keeps prefix and key apart: "a" + "bc" is not "ab" + "c".
    context.update(&(prefix.len() as u64).to_be_bytes());
    context.update(prefix.as_bytes());
    context.update(&place.revision.to_be_bytes());
    context.update(place.key.as_bytes());
    *context
        .finish()
        .as_ref()
        .first_chunk()
        .expect("a SHA-256 must be longer than its first half")
}

#[cfg(test)]
mod tests {
    use super::{PageTokenError, Place, decode, encode};

    fn mk_place(revision: i64, key: &str) -> Place {
        let key = key.to_owned();
        Place { revision, key }
    }

    #[test]
    fn a_token_leads_back_to_its_place() {
        for (prefix, key) in [("", "a"), ("a/", "a/b"), ("ü", "ü/ü")] {
            for revision in [0, 1, i64::MAX] {
                let token = encode(prefix, &mk_place(revision, key));

                assert_eq!(decode(prefix, &token), Ok(mk_place(revision, key)));
            }
        }
    }

    #[test]
    fn a_token_does_for_its_own_prefix_alone() {
        let token = encode("a/", &mk_place(7, "a/b"));

        for other in ["", "a", "a/b", "b/"] {
            assert_eq!(decode(other, &token), Err(PageTokenError), "{other}");
        }
    }

    #[test]
    fn a_token_with_any_byte_changed_is_refused() {
        let token = encode("a/", &mk_place(7, "a/bc")).into_bytes();

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
        let token = encode("a/", &mk_place(7, "a/bc"));

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
