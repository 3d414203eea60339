//! Documents sent to and received from the state of record, the same for every back-end.

use std::sync::Arc;

use serde::Deserialize;

use super::change::Change;
use super::error::RecordError;
use super::record::{Answer, Applied, Readiness, Subscription, Tie};
use super::sqlstate;

/// A document without an event: the function answers that it is ready, and changes nothing.
pub(super) const NO_EVENTS: &str = "[]";

/// Encodes changes as the function reads them.
pub(super) fn document(changes: &[&Change]) -> Result<String, RecordError> {
    serde_json::to_string(changes)
        .map_err(|error| RecordError::Refused { code: "json".to_owned(), what: error.to_string() })
}

/// Encodes one change without the event as received.
pub(super) fn without_payload(change: &Change) -> Result<String, RecordError> {
    let mut change = change.clone();
    change.event.payload = Arc::default();
    serde_json::to_string(&change)
        .map_err(|error| RecordError::Refused { code: "json".to_owned(), what: error.to_string() })
}

/// An answer as the function writes it.
#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Document {
    Applied,
    Superseded,
    Ignored,
    Duplicate,
    Tie(Tie),
    Again,
    Refused { code: String, message: String },
    Ready(Readiness),
}

/// Decodes the function's answers to this many changes. Anything but a known outcome for each is an error: an answer that
/// merely reports no error proves nothing.
pub(super) fn answers(answers: &[u8], count: usize) -> Result<Vec<Answer>, RecordError> {
    let answers: Vec<Document> = serde_json::from_slice(answers).map_err(|error| not_understood(&error))?;
    if answers.len() != count {
        return Err(RecordError::Answer(format!("{} answers to {count} events", answers.len())));
    }
    answers.into_iter().map(answer).collect()
}

fn answer(document: Document) -> Result<Answer, RecordError> {
    Ok(match document {
        Document::Applied => Answer::Done(Applied::Applied),
        Document::Superseded => Answer::Done(Applied::Superseded),
        Document::Ignored => Answer::Done(Applied::Ignored),
        Document::Duplicate => Answer::Done(Applied::Duplicate),
        Document::Tie(tie) => Answer::Tie(tie),
        Document::Again => Answer::Again,
        Document::Refused { code, message } => Answer::Refused(sqlstate::error(&code, &message)),
        Document::Ready(_) => return Err(RecordError::Answer("outcome `ready` to an event".to_owned())),
    })
}

/// Checks that the function answers that it is ready, in a database that can hold what Stripe sends.
pub(super) fn ready(answer: &[u8]) -> Result<Readiness, RecordError> {
    let mut answers: Vec<Document> = serde_json::from_slice(answer).map_err(|error| not_understood(&error))?;
    let Some(Document::Ready(readiness)) = answers.pop() else {
        return Err(RecordError::Answer("no outcome `ready` to no events".to_owned()));
    };
    encoding(&readiness.encoding)?;
    Ok(readiness)
}

/// Checks the encoding of a database.
pub(super) fn encoding(encoding: &str) -> Result<(), RecordError> {
    match encoding {
        "UTF8" => Ok(()),
        // Stores bytes as they come: what is written can be read again, but the database cannot count its characters.
        "SQL_ASCII" => {
            tracing::warn!(
                "the state of record's encoding is SQL_ASCII: texts are kept byte by byte, but not checked or compared \
                 as characters; a database with encoding UTF8 is better"
            );
            Ok(())
        }
        other => Err(RecordError::Encoding(other.to_owned())),
    }
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
