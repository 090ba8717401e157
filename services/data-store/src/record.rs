//! The rules of a request's fields, as the contract states them.

/// The most bytes of a key or of the prefix of one.
const KEY_BYTES: usize = 1_024;
const CONTENT_TYPE_BYTES: usize = 255;
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";
const DEFAULT_PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 1_000;

/// Which rule a field breaks. Says how long what was given is, never what it is: keys and values may be private.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuleError {
    #[error("key must be 1 to {KEY_BYTES} bytes long; it has {0}")]
    KeyLength(usize),
    #[error("key must hold no control character; there is one at byte {0}")]
    KeyControl(usize),
    #[error("value must be at most {most} bytes long; it has {given}")]
    ValueLength { most: usize, given: usize },
    #[error("content_type must be at most {CONTENT_TYPE_BYTES} bytes long; it has {0}")]
    ContentTypeLength(usize),
    #[error(
        "content_type must be type/subtype in visible ASCII, parameters allowed; this, of {0} bytes, is not"
    )]
    ContentTypeForm(usize),
    #[error("prefix must be at most {KEY_BYTES} bytes long; it has {0}")]
    PrefixLength(usize),
    #[error("{name} must not be negative; it is {given}")]
    NegativeRevision { name: &'static str, given: i64 },
    #[error("page_size must be 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}; it is {0}")]
    PageSize(i32),
}

/// Checks the name of a record.
pub(crate) fn check_key(key: &str) -> Result<(), RuleError> {
    if key.is_empty() || key.len() > KEY_BYTES {
        return Err(RuleError::KeyLength(key.len()));
    }
    match key.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(RuleError::KeyControl(at)),
        None => Ok(()),
    }
}

/// Checks that a value has at most `most` bytes.
pub(crate) fn check_value(value: &[u8], most: usize) -> Result<(), RuleError> {
    let given = value.len();
    if given > most {
        return Err(RuleError::ValueLength { most, given });
    }
    Ok(())
}

/// Checks the revision that a caller expects a record to be at, or wants to begin at.
pub(crate) fn check_revision(name: &'static str, given: i64) -> Result<(), RuleError> {
    if given < 0 {
        return Err(RuleError::NegativeRevision { name, given });
    }
    Ok(())
}

/// Answers the media type to store: the one given, or the default when it is empty.
///
/// Spaces are taken around the semicolons of parameters and within them, though they are not visible: `text/plain; charset=utf-8`.
pub(crate) fn content_type(given: &str) -> Result<&str, RuleError> {
    if given.is_empty() {
        return Ok(DEFAULT_CONTENT_TYPE);
    }
    if given.len() > CONTENT_TYPE_BYTES {
        return Err(RuleError::ContentTypeLength(given.len()));
    }
    let mut parts = given.split(';');
    let essence = parts.next().unwrap_or_default().trim_end_matches(' ');
    let is_media_type = essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let are_parameters = parts.all(|parameter| parameter.bytes().all(is_visible_or_space));
    if !is_media_type || !are_parameters || given.ends_with(' ') {
        return Err(RuleError::ContentTypeForm(given.len()));
    }
    Ok(given)
}

pub(crate) fn check_prefix(prefix: &str) -> Result<(), RuleError> {
    if prefix.len() > KEY_BYTES {
        return Err(RuleError::PrefixLength(prefix.len()));
    }
    Ok(())
}

/// Answers how many records a page may hold.
pub(crate) fn page_size(given: i32) -> Result<usize, RuleError> {
    match usize::try_from(given) {
        Ok(0) => Ok(DEFAULT_PAGE_SIZE),
        Ok(size) if size <= MAX_PAGE_SIZE => Ok(size),
        Ok(_) | Err(_) => Err(RuleError::PageSize(given)),
    }
}

/// A `token` of RFC 9110: what the names in a media type are made of.
fn is_token(text: &str) -> bool {
    let is_token_byte = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_visible_or_space(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' '
}

#[cfg(test)]
mod tests;
