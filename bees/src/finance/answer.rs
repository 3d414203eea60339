//! Documents sent to and received from the state of record, the same for every back-end.

use serde::Deserialize;

use super::change::Change;
use super::error::RecordError;
use super::record::{Applied, Subscription};

/// A document without an event: the function answers that it is ready, and changes nothing.
pub(super) const NO_EVENT: &str = "{}";

/// Encodes a change as the function reads it.
pub(super) fn document(change: &Change) -> Result<String, RecordError> {
    serde_json::to_string(change)
        .map_err(|error| RecordError::Refused { code: "json".to_owned(), what: error.to_string() })
}

/// Decodes the function's answer to a change. Anything but a known outcome is an error: an answer that merely reports
/// no error proves nothing.
pub(super) fn applied(answer: &[u8]) -> Result<Applied, RecordError> {
    #[derive(Deserialize)]
    struct Answer {
        outcome: Applied,
    }
    serde_json::from_slice::<Answer>(answer).map(|answer| answer.outcome).map_err(|error| not_understood(&error))
}

/// Checks that the function answers that it is ready.
pub(super) fn ready(answer: &[u8]) -> Result<(), RecordError> {
    #[derive(Deserialize)]
    struct Answer {
        outcome: String,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| not_understood(&error))?;
    if answer.outcome == "ready" { Ok(()) } else { Err(RecordError::Answer(format!("outcome `{}`", answer.outcome))) }
}

/// Decodes a row of `stripe_subscriptions`.
pub(super) fn subscription(row: &str) -> Result<Subscription, RecordError> {
    serde_json::from_str(row).map_err(|error| not_understood(&error))
}

/// Decodes rows of `stripe_subscriptions` from a JSON list.
pub(super) fn subscriptions(rows: &[u8]) -> Result<Vec<Subscription>, RecordError> {
    serde_json::from_slice(rows).map_err(|error| not_understood(&error))
}

fn not_understood(error: &serde_json::Error) -> RecordError {
    RecordError::Answer(error.to_string())
}
