//! Events of the spool as an operator sees them, in the line or set aside.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::database;
use crate::EventName;

/// State of an event in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpoolState {
    /// In the line, to be forwarded.
    Waiting,
    /// Rejected by the broker, and tried again from time to time.
    SetAside,
}

impl SpoolState {
    /// Returns the word in outputs and arguments.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::SetAside => "set_aside",
        }
    }
}

/// An event in the spool, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolEntry {
    /// State.
    pub state: SpoolState,
    /// Idempotency key, which contains the sender's id of the event, for example `stripe:live::evt_…`.
    pub idempotency_key: String,
    /// Type of event, in the sender's terms; `None` if the spec is damaged.
    pub kind: Option<String>,
    /// Arrival time, in milliseconds since 1970-01-01 UTC.
    pub received_ms: i64,
    /// Bytes of its spec.
    pub bytes: i64,
    /// Time of the last rejection, in milliseconds since 1970-01-01 UTC; `None` for a waiting event.
    pub refused_ms: Option<i64>,
    /// The exact reason of the rejection, for example `INVALID`; empty for a waiting event.
    pub reason: String,
    /// The broker's message; empty for a waiting event.
    pub message: String,
}

/// A filter of the spool's events; an absent field matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolFilter {
    /// State.
    pub state: Option<SpoolState>,
    /// Exact reason of the rejection.
    pub reason: Option<String>,
    /// The event's id at the sender, or another whole part of its key.
    pub id: Option<String>,
    /// Text in the event's key.
    pub key_part: Option<String>,
    /// Exact type of event.
    pub kind: Option<String>,
    /// Least time of arrival, in milliseconds since 1970-01-01 UTC.
    pub received_from_ms: Option<i64>,
    /// Time before which it arrived, in milliseconds since 1970-01-01 UTC.
    pub received_until_ms: Option<i64>,
}

impl SpoolEntry {
    /// Returns the event's name; `None` if its key is damaged.
    pub fn name(&self) -> Option<EventName> {
        EventName::read(&self.idempotency_key)
    }
}

/// Converts a row of `list_events.sql`.
pub(super) fn entry(row: &SqliteRow) -> Result<SpoolEntry, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let kind: Option<Vec<u8>> = row.try_get_unchecked("type")?;
    Ok(SpoolEntry {
        state: if state == SpoolState::Waiting.as_str() { SpoolState::Waiting } else { SpoolState::SetAside },
        idempotency_key: database::text(row, "idempotency_key")?,
        kind: kind.map(|kind| String::from_utf8_lossy(&kind).into_owned()),
        received_ms: row.try_get("received_ms")?,
        bytes: row.try_get("bytes")?,
        refused_ms: row.try_get("refused_ms")?,
        reason: database::text(row, "reason")?,
        message: database::text(row, "message")?,
    })
}
