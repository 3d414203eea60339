//! Processes as shown.

use std::collections::BTreeMap;

use apiary_executor_sdk::v1;
use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::Content;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

/// Text in place of a payload that the broker keeps from the caller.
pub(crate) const HIDDEN: &str = "hidden: needs the right `view_payloads`";

/// A process without its documents, as stated by the broker.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProcessView {
    pub(crate) process_id: String,
    pub(crate) function: String,
    pub(crate) executor_type: String,
    pub(crate) state: String,
    pub(crate) attempt: i32,
    pub(crate) retries_spent: i32,
    pub(crate) priority: i32,
    pub(crate) submitted_at: Option<Timestamp>,
    pub(crate) state_since: Option<Timestamp>,
    pub(crate) state_until: Option<Timestamp>,
    pub(crate) submitter: String,
    pub(crate) executor: String,
    pub(crate) reason: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Author of the cancellation or discard, or of the request for it.
    pub(crate) ended_by: String,
    /// End of the grace period of a cancelled process.
    pub(crate) cancel_deadline: Option<Timestamp>,
    /// Reason why the process is blocked.
    pub(crate) blocked_cause: String,
    /// Absent if no progress was reported.
    pub(crate) percent: Option<f64>,
    pub(crate) progress: String,
}

/// An attempt, as stated by the broker.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttemptView {
    pub(crate) attempt: i32,
    pub(crate) executor: String,
    pub(crate) claimed_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) outcome: String,
    pub(crate) reason: String,
}

/// A value that an executor attached.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttributeView {
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) attempt: i32,
}

/// Arguments or an output: JSON in its original spelling, or other bytes as base64.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContentView {
    Json(Box<RawValue>),
    Base64(String),
}

impl From<v1::Process> for ProcessView {
    fn from(process: v1::Process) -> Self {
        let state = state_word(process.state());
        Self {
            process_id: process.process_id,
            function: process.function,
            executor_type: process.executor_type,
            state,
            attempt: process.attempt,
            retries_spent: process.retries_spent,
            priority: process.priority,
            submitted_at: moment(process.submitted_at_ms),
            state_since: moment(process.state_since_ms),
            state_until: moment(process.state_until_ms),
            submitter: process.submitter,
            executor: process.executor,
            reason: process.reason,
            labels: process.labels.into_iter().collect(),
            ended_by: process.ended_by,
            cancel_deadline: moment(process.cancel_deadline_ms),
            blocked_cause: process.blocked_cause,
            percent: (process.percent >= 0.0).then_some(process.percent),
            progress: process.progress,
        }
    }
}

impl ProcessView {
    /// Formats the progress; empty if none was reported.
    pub(crate) fn progress_line(&self) -> String {
        let percent = self.percent.map(|percent| format!("{percent:.0}%")).unwrap_or_default();
        let space = if percent.is_empty() || self.progress.is_empty() { "" } else { " " };
        format!("{percent}{space}{}", self.progress)
    }
}

impl From<&v1::Attempt> for AttemptView {
    fn from(attempt: &v1::Attempt) -> Self {
        Self {
            attempt: attempt.attempt,
            executor: attempt.executor.clone(),
            claimed_at: moment(attempt.claimed_at_ms),
            ended_at: moment(attempt.ended_at_ms),
            outcome: attempt.outcome.clone(),
            reason: attempt.reason.clone(),
        }
    }
}

impl From<v1::Attribute> for AttributeView {
    fn from(attribute: v1::Attribute) -> Self {
        Self { kind: attribute.kind, key: attribute.key, value: attribute.value, attempt: attribute.attempt }
    }
}

impl ContentView {
    /// Converts the bytes for one line; `None` if there are none.
    pub(crate) fn of(content: &Content) -> Option<Self> {
        let bytes = content.to_bytes().ok().filter(|bytes| !bytes.is_empty())?;
        match serde_json::from_slice::<Box<RawValue>>(&bytes) {
            Ok(json) => Some(Self::Json(in_one_line(json))),
            Err(_) => Some(Self::Base64(base64(&bytes))),
        }
    }

    /// Formats the content in one line.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Json(json) => json.get().to_owned(),
            Self::Base64(text) => format!("base64 {text}"),
        }
    }
}

/// Replaces line feeds with spaces: in JSON they can only stand between tokens.
fn in_one_line(json: Box<RawValue>) -> Box<RawValue> {
    RawValue::from_string(json.get().replace(['\n', '\r'], " ")).unwrap_or(json)
}

/// Returns the state's name for people.
pub(crate) fn state_word(state: ProcessState) -> String {
    state.as_str_name().trim_start_matches("PROCESS_STATE_").to_lowercase()
}

/// Returns true if the state is final.
pub(crate) fn is_finished(state: ProcessState) -> bool {
    use ProcessState::{Cancelled, DeadLetter, Failed, Succeeded};
    matches!(state, Succeeded | Failed | Cancelled | DeadLetter)
}

fn moment(ms: i64) -> Option<Timestamp> {
    if ms == 0 { None } else { Timestamp::from_millisecond(ms).ok() }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_shown_in_one_line_and_to_the_digit() {
        let shown = ContentView::of(&Content::from_bytes(b"{\n \"a\": 1.000000000000000000001,\r\n \"b\": \"\\n\"\n}"))
            .unwrap();
        assert_eq!(
            serde_json::to_string(&shown).unwrap(),
            r#"{"json":{  "a": 1.000000000000000000001,   "b": "\n" }}"#
        );
    }

    #[test]
    fn bytes_that_are_no_json_are_shown_in_base64() {
        assert_eq!(ContentView::of(&Content::from_bytes(b"\xff\n")).unwrap().line(), "base64 /wo=");
        assert!(ContentView::of(&Content::default()).is_none());
    }
}
