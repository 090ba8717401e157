//! A query → names and values.

use crate::{
    fuzz::{plain, refusal::Refusal},
    gateway::uri,
};

/// Reads the text as a query.
///
/// - The pairs are what the query says, byte by byte and in its order, or it is refused by the name of the first that cannot be read.
/// - They come back when every byte of them is escaped.
///
/// # Panics
///
/// When any of this does not hold.
pub fn pairs(data: &[u8]) {
    let Ok(query) = str::from_utf8(data) else {
        return;
    };

    let pairs = uri::pairs(query).map_err(|status| Refusal::of_status(&status));

    assert_eq!(pairs, plain::pairs(query));
    if let Ok(pairs) = pairs {
        let escape = |(name, value): &(String, String)| {
            format!("{}={}", plain::escape(name), plain::escape(value))
        };
        let written = pairs.iter().map(escape).collect::<Vec<_>>().join("&");
        let read = uri::pairs(&written).expect("pairs must be read again");
        assert_eq!(read, pairs, "{written}");
    }
}
