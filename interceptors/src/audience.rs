//! Whom a token must be meant for.

use std::{fmt, str::FromStr, sync::Arc};

/// The name a service goes by in the tokens that are meant for it. It is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(Arc<str>);

/// The text is no audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    /// It is empty. A review without an audience would accept tokens that are meant for others.
    #[error("is empty; name the audience that tokens must be minted for, for example data-store")]
    Empty,
    /// It has white space or control characters, which is more likely a slip than an audience.
    #[error("has white space or control characters; name one audience, for example data-store")]
    Character,
}

// === impl Audience ===

impl Audience {
    /// The audience as it stands in a token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Audience {
    type Err = AudienceError;

    fn from_str(text: &str) -> Result<Self, AudienceError> {
        if text.is_empty() {
            return Err(AudienceError::Empty);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AudienceError::Character);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Audience, AudienceError};

    #[test]
    fn an_audience_is_one_word() {
        assert_eq!(
            "data-store".parse::<Audience>().unwrap().as_str(),
            "data-store"
        );
        assert_eq!("".parse::<Audience>(), Err(AudienceError::Empty));
        assert_eq!(
            "data store".parse::<Audience>(),
            Err(AudienceError::Character)
        );
    }
}
