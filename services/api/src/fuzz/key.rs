//! A path → the key of a record.

use crate::{
    fuzz::{
        plain::{self, BEFORE},
        refusal::Refusal,
    },
    gateway::uri,
};

/// Reads the text as a path, and as what follows [`BEFORE`] in one.
///
/// - The key is what the path says, byte by byte, or is refused for what is wrong with it.
/// - Nobody who leaves `.` and `..` out of a path, before or after decoding it, comes to another record.
/// - The key comes back from every way to write it: every byte escaped, in either case, or only those that must be.
///
/// # Panics
///
/// When any of this does not hold.
pub fn key(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        check(text);
        check(&format!("{BEFORE}{text}"));
    }
}

fn check(path: &str) {
    let key = uri::key(path).map_err(|status| Refusal::of_status(&status));

    assert_eq!(key, plain::key(path));
    let Ok(key) = key else {
        return;
    };
    if path.starts_with(BEFORE) {
        assert_eq!(plain::climb(path), path);
    }
    let decoded = format!("{BEFORE}{key}");
    assert_eq!(plain::climb(&decoded), decoded);
    let escaped = plain::escape(&key);
    for written in [
        escaped.to_ascii_lowercase(),
        plain::escape_path(&key),
        escaped,
    ] {
        let read = uri::key(&format!("{BEFORE}{written}"));
        assert_eq!(read.expect("a key must be read again"), key, "{written}");
    }
}
