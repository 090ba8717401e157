//! What goes wrong, and how callers are told.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{page_token::PageTokenError, record::RuleError, storage::StorageError};

/// Who gives the reasons below, as `google.rpc.ErrorInfo` names it.
const DOMAIN: &str = "data-store";

/// How soon a caller may try again when the storage does not answer, or is full.
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl From<RuleError> for Status {
    fn from(error: RuleError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl From<PageTokenError> for Status {
    fn from(error: PageTokenError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl From<StorageError> for Status {
    /// Callers hear what they can do; what is inside goes to the log.
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::Differs { current } => {
                let message = match current {
                    0 => "there is no record under that key".to_owned(),
                    current => {
                        format!("the record is at revision {current}; read it, and try again")
                    }
                };
                let details = reason("REVISION_MISMATCH", [("current_revision", *current)]);
                Self::with_error_details(Code::Aborted, message, details)
            }
            StorageError::HistoryGone { oldest } => {
                let message = format!(
                    "what changed before revision {oldest} is forgotten; list the records anew, and go on from there"
                );
                let details = reason("HISTORY_GONE", [("oldest_revision", *oldest)]);
                Self::with_error_details(Code::OutOfRange, message, details)
            }
            StorageError::Ahead { last } => {
                let message = format!(
                    "the store is at revision {last}, and has not come to that one; list the records anew, and go on from there"
                );
                let details = reason("REVISION_AHEAD", [("last_revision", *last)]);
                Self::with_error_details(Code::OutOfRange, message, details)
            }
            StorageError::TooLarge => Self::invalid_argument(error.to_string()),
            StorageError::Full(_) => {
                log(&error);
                let message = "the storage is full; nothing was written";
                again_later("STORAGE_FULL", message)
            }
            StorageError::Damaged(_) => {
                log(&error);
                let details = reason("RECORD_DAMAGED", []);
                Self::with_error_details(Code::DataLoss, error.to_string(), details)
            }
            StorageError::Unavailable(_) => {
                log(&error);
                let message = "the storage does not answer; try again later";
                again_later("STORAGE_UNAVAILABLE", message)
            }
            StorageError::Stopping => again_later("STOPPING", "the data store is stopping"),
        }
    }
}

pub(crate) fn no_record() -> Status {
    Status::not_found("no record under that key")
}

fn again_later(name: &str, message: &str) -> Status {
    let mut details = reason(name, []);
    details.set_retry_info(Some(RETRY_DELAY));
    Status::with_error_details(Code::Unavailable, message, details)
}

fn reason<const N: usize>(name: &str, numbers: [(&str, i64); N]) -> ErrorDetails {
    let numbers = numbers.map(|(name, number)| (name.to_owned(), number.to_string()));
    ErrorDetails::with_error_info(name, DOMAIN, numbers)
}

fn log(error: &StorageError) {
    tracing::error!(error = runtime::chain(error), "Storage failed");
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;

    use crate::storage::StorageError;

    #[test]
    fn every_storage_error_has_its_code_and_its_reason() {
        let cause = || Arc::new(io::Error::other("/private/path"));
        for (error, code, reason) in [
            (
                StorageError::Differs { current: 3 },
                Code::Aborted,
                "REVISION_MISMATCH",
            ),
            (
                StorageError::HistoryGone { oldest: 3 },
                Code::OutOfRange,
                "HISTORY_GONE",
            ),
            (
                StorageError::Ahead { last: 3 },
                Code::OutOfRange,
                "REVISION_AHEAD",
            ),
            (StorageError::TooLarge, Code::InvalidArgument, ""),
            (
                StorageError::Full(cause()),
                Code::Unavailable,
                "STORAGE_FULL",
            ),
            (
                StorageError::Damaged(cause()),
                Code::DataLoss,
                "RECORD_DAMAGED",
            ),
            (
                StorageError::Unavailable(cause()),
                Code::Unavailable,
                "STORAGE_UNAVAILABLE",
            ),
            (StorageError::Stopping, Code::Unavailable, "STOPPING"),
        ] {
            let status = Status::from(error);

            let info = status.get_details_error_info();
            let told = info.map(|info| info.reason).unwrap_or_default();
            assert_eq!((status.code(), told.as_str()), (code, reason));
            assert!(!status.message().contains("private"), "{status}");
            assert_eq!(
                status.get_details_retry_info().is_some(),
                code == Code::Unavailable,
                "{reason}"
            );
        }
    }

    #[test]
    fn a_caller_is_told_the_revision_that_helps_it_on() {
        for (error, name) in [
            (StorageError::Differs { current: 42 }, "current_revision"),
            (StorageError::HistoryGone { oldest: 42 }, "oldest_revision"),
            (StorageError::Ahead { last: 42 }, "last_revision"),
        ] {
            let status = Status::from(error);

            assert!(status.message().contains("42"), "{status}");
            let info = status.get_details_error_info().unwrap();
            assert_eq!(info.metadata.get(name).map(String::as_str), Some("42"));
        }
    }
}
