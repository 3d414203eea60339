//! Failures of the archive.

use apiary_executor_sdk::{ClientError, Failure};

/// The reason why the archive could not do something. Never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The storage did not answer, or refused.
    #[error("the archive's storage: {0}")]
    Storage(String),
    /// The broker did not answer, or refused.
    #[error("the broker: {0}")]
    Broker(#[from] ClientError),
    /// Stored bytes that are not what was written.
    #[error("{0}")]
    Damaged(String),
    /// The storage has no such object.
    #[error("the archive's storage has no object {0:?}: check `archive.url`, or restore the storage")]
    Missing(String),
    /// The bytes were erased on somebody's demand.
    #[error("process {process_id} was erased from the archive at {erased_at}: {reason}")]
    Erased {
        /// The process.
        process_id: uuid::Uuid,
        /// The time.
        erased_at: jiff::Timestamp,
        /// The reason, in words.
        reason: String,
    },
    /// The arguments cannot be followed.
    #[error("{0}")]
    Invalid(String),
    /// The work was cancelled.
    #[error("the work was cancelled; what is done stays done, and the next call goes on")]
    Cancelled,
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        match &error {
            ArchiveError::Storage(_) => Self::surroundings("archive storage", &error),
            ArchiveError::Broker(refused) if refused.is_retryable() => Self::retryable(&error),
            ArchiveError::Cancelled => Self::retryable(&error),
            ArchiveError::Broker(_)
            | ArchiveError::Damaged(_)
            | ArchiveError::Missing(_)
            | ArchiveError::Invalid(_)
            | ArchiveError::Erased { .. } => Self::fatal(&error),
        }
    }
}
