//! The documents that go to the state of record and come back, the same on every way in.

use serde::Deserialize;

use super::change::Change;
use super::error::RecordError;
use super::record::{Applied, Subscription};

/// A change without an event: the function answers that it is ready, and does nothing.
pub(super) const NO_EVENT: &str = "{}";

/// The change as the function reads it.
pub(super) fn document(change: &Change) -> Result<String, RecordError> {
    serde_json::to_string(change)
        .map_err(|error| RecordError::Refused { code: "json".to_owned(), what: error.to_string() })
}

/// What the function says that it did. Anything else than its own words is an error: an answer that merely
/// does not complain proves nothing.
pub(super) fn applied(answer: &[u8]) -> Result<Applied, RecordError> {
    #[derive(Deserialize)]
    struct Answer {
        outcome: Applied,
    }
    serde_json::from_slice::<Answer>(answer).map(|answer| answer.outcome).map_err(|error| not_understood(&error))
}

/// That the function says that it is ready.
pub(super) fn ready(answer: &[u8]) -> Result<(), RecordError> {
    #[derive(Deserialize)]
    struct Answer {
        outcome: String,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| not_understood(&error))?;
    if answer.outcome == "ready" { Ok(()) } else { Err(RecordError::Answer(format!("outcome `{}`", answer.outcome))) }
}

/// A row of `stripe_subscriptions` as JSON.
pub(super) fn subscription(row: &str) -> Result<Subscription, RecordError> {
    serde_json::from_str(row).map_err(|error| not_understood(&error))
}

/// Rows of `stripe_subscriptions` as a JSON list.
pub(super) fn subscriptions(rows: &[u8]) -> Result<Vec<Subscription>, RecordError> {
    serde_json::from_slice(rows).map_err(|error| not_understood(&error))
}

fn not_understood(error: &serde_json::Error) -> RecordError {
    RecordError::Answer(error.to_string())
}
