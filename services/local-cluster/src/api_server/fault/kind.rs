//! The faults by name, and what a caller of the data store is told under each.

use std::{fmt, str::FromStr};

use clap::ValueEnum;

/// One thing that can be wrong with the API server, or with the data store's clock.
///
/// It prints as the name that [`FromStr`] and `--fault` take. What each does is its first line, which a person is told too.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Fault {
    /// the API server closes every connection at once, without a word
    Stopped,
    /// the API server takes reviews and never answers
    Hung,
    /// the API server sends half of its answer to a review, and then nothing more
    HungInBody,
    /// the API server does not know who asks for a review (401)
    #[value(name = "status-401")]
    Status401,
    /// the API server lets nobody ask for a review (403)
    #[value(name = "status-403")]
    Status403,
    /// the API server knows no reviews (404)
    #[value(name = "status-404")]
    Status404,
    /// the API server has a conflict over every review (409)
    #[value(name = "status-409")]
    Status409,
    /// the API server has too many requests, and asks to come back in a second (429)
    #[value(name = "status-429")]
    Status429,
    /// the API server fails over every review (500)
    #[value(name = "status-500")]
    Status500,
    /// the API server is unable to handle reviews (503)
    #[value(name = "status-503")]
    Status503,
    /// the answer to a review is empty
    EmptyBody,
    /// the answer to a review is a web page
    NotJson,
    /// the answer to a review is an object, but no review
    AnotherKind,
    /// a genuine token is called so, but nobody's
    NoUser,
    /// a genuine token is called so, but good for no audience
    NoAudiences,
    /// a genuine token is called so, but good for somebody else's audience
    ForeignAudiences,
    /// a genuine token is called an administrator's
    NoServiceAccount,
    /// a genuine token is called so, with an error beside
    WithError,
    /// the API server shows a certificate made by another authority of the same name
    AnotherCa,
    /// the API server resets the connection in the middle of its answer to a review
    Reset,
    /// the data store's clock is five minutes ahead
    ClockAhead,
    /// the data store's clock is five minutes behind
    ClockBehind,
}

/// Not the name of a [`Fault`]. It prints all of them, with what each does.
#[derive(Debug, thiserror::Error)]
#[error("{}", list())]
pub struct NoSuchFault(());

// === impl Fault ===

impl Fault {
    /// Every one of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// What is wrong while it holds, as half a sentence.
    #[must_use]
    pub fn what(self) -> String {
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help());
        help.map(ToString::to_string).unwrap_or_default()
    }

    /// The reason that a caller the data store does not know yet is refused with; nothing when it is admitted.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Stopped
            | Self::Hung
            | Self::HungInBody
            | Self::Status404
            | Self::Status409
            | Self::Status429
            | Self::Status500
            | Self::Status503
            | Self::EmptyBody
            | Self::NotJson
            | Self::AnotherKind
            | Self::NoUser
            | Self::WithError
            | Self::AnotherCa
            | Self::Reset => Some("KUBERNETES_UNAVAILABLE"),
            Self::Status401 | Self::Status403 => Some("VERIFIER_MISCONFIGURED"),
            Self::NoAudiences | Self::ForeignAudiences => Some("AUDIENCE_MISMATCH"),
            Self::NoServiceAccount => Some("CALLER_NOT_ALLOWED"),
            Self::ClockAhead | Self::ClockBehind => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl FromStr for Fault {
    type Err = NoSuchFault;

    fn from_str(name: &str) -> Result<Self, NoSuchFault> {
        let ignore_case = false;
        <Self as ValueEnum>::from_str(name, ignore_case).map_err(|_says_less| NoSuchFault(()))
    }
}

/// The names, each on a line with what it means.
fn list() -> String {
    let lines = Fault::all().iter();
    let lines = lines.map(|fault| format!("\n  {fault:<19}{}", fault.what()));
    format!("choose one of these:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn each_is_found_by_its_name_and_says_what_it_does() {
        for fault in Fault::all() {
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), *fault);
            assert!(!fault.what().is_empty(), "{fault}");
        }
    }

    #[test]
    fn whoever_asks_for_another_is_told_all_of_them() {
        let told = "help".parse::<Fault>().unwrap_err().to_string();

        assert_eq!(told.lines().count(), 1 + Fault::all().len());
        for fault in Fault::all() {
            assert!(told.contains(&format!("  {fault} ")), "{told}");
        }
    }
}
