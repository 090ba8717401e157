//! Text that must not be printed.

use std::fmt;

/// A bearer token or a private key. Its `Debug` says that it is there, never what it is.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

// === impl Secret ===

impl Secret {
    /// Keeps `text` from being printed by accident.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for a header, a file or a signature check; not for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
