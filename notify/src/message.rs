//! Messages: what changed since the last one.

use std::fmt::Write as _;

use apiary_identity::Clock;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::TEXT_CHARS_MAX;

/// A change of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The beginning of a finding that lasts.
    Opened,
    /// A greater count of a finding that lasts.
    Grew,
    /// A finding that comes and goes; its further changes are not told until it is gone for an hour.
    Flapping,
    /// The end of a finding.
    Resolved,
    /// The end of reports about a finding that may well last: an executor that has been silent for a day.
    Lapsed,
    /// No change: a try whether messages arrive.
    Test,
}

/// A change of a finding, in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The change.
    pub change: Change,
    /// The colony's name; empty for a condition of the part itself.
    pub colony: String,
    /// The kind of the finding.
    pub kind: String,
    /// The thing concerned. May be empty.
    pub subject: String,
    /// The finding in a sentence, ending in advice.
    pub text: String,
    /// The number of processes, executors or occurrences.
    pub count: i64,
    /// The time since which it lasts, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
}

/// A message to all targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The id: the same at each try, and for the same changes from another broker.
    pub id: Uuid,
    /// The installation and the part that sends it.
    pub from: String,
    /// The time at which it was made, in milliseconds since 1970-01-01 UTC.
    pub made_ms: i64,
    /// The changes.
    pub events: Vec<Event>,
}

impl Message {
    /// Makes a message of changes.
    pub fn new(from: &str, made_ms: i64, events: Vec<Event>) -> Self {
        let mut names = String::new();
        for Event { change, colony, kind, subject, since_ms, count, .. } in &events {
            // A finding may grow several times. The count at any other change may differ from broker to broker.
            let count = if *change == Change::Grew { *count } else { 0 };
            // A character that no name has keeps the parts apart.
            let _ = write!(names, "{change:?}\0{colony}\0{kind}\0{subject}\0{since_ms}\0{count}\0");
        }
        Self { id: Uuid::new_v5(&Uuid::NAMESPACE_OID, names.as_bytes()), from: from.to_owned(), made_ms, events }
    }

    /// Makes a message that only tries whether messages arrive.
    pub fn test(from: &str, clock: &dyn Clock) -> Self {
        let now_ms = clock.now_ms();
        let event = Event {
            change: Change::Test,
            colony: String::new(),
            kind: "TEST".to_owned(),
            subject: String::new(),
            text: "a test by `apiary notify test`: messages arrive here; nothing needs to be done".to_owned(),
            count: 1,
            since_ms: now_ms,
        };
        Self { id: Uuid::new_v4(), from: from.to_owned(), made_ms: now_ms, events: vec![event] }
    }

    /// Returns the message without changes that do not pass; `None` if none is left.
    pub(crate) fn only(&self, passes: impl Fn(&Event) -> bool) -> Option<Self> {
        let events: Vec<Event> = self.events.iter().filter(|event| passes(event)).cloned().collect();
        (!events.is_empty()).then(|| Self { events, ..self.clone() })
    }

    /// Returns the subject line.
    pub(crate) fn title(&self) -> String {
        let is_over = |event: &&Event| matches!(event.change, Change::Resolved | Change::Lapsed);
        let names = |events: Vec<&Event>| {
            let mut kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
            kinds.dedup();
            let rest = kinds.len().saturating_sub(3);
            kinds.truncate(3);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!("{}{more}", kinds.join(", "))
        };
        let (over, open): (Vec<&Event>, Vec<&Event>) = self.events.iter().partition(is_over);
        let words = match (open.is_empty(), over.is_empty()) {
            (false, true) => names(open),
            (true, _) => format!("resolved: {}", names(over)),
            (false, false) => format!("{}; resolved: {}", names(open), names(over)),
        };
        plain(&format!("[{}] {words}", self.from))
    }

    /// Returns a line for each change.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.events.iter().map(|event| event.line(self.made_ms)).collect()
    }
}

impl Event {
    fn line(&self, made_ms: i64) -> String {
        let since = Timestamp::from_millisecond(self.since_ms).map_or_else(|_| String::new(), |at| format!("{at:.0}"));
        let place = if self.colony.is_empty() { String::new() } else { format!(" in colony `{}`", self.colony) };
        let subject = if self.subject.is_empty() { String::new() } else { format!(" ({})", self.subject) };
        let minutes = made_ms.saturating_sub(self.since_ms).max(0) / 60_000;
        let head = match self.change {
            Change::Opened => format!("OPEN {}{subject}{place}, since {since}", self.kind),
            Change::Grew => format!("GREW {}{subject}{place}, to {}, since {since}", self.kind, self.count),
            Change::Flapping => format!(
                "COMES AND GOES {}{subject}{place}; further changes are not sent until it is gone for an hour",
                self.kind
            ),
            Change::Resolved => return plain(&format!("RESOLVED {}{subject}{place}, after {minutes} min", self.kind)),
            Change::Lapsed => {
                let head = format!("NO LONGER REPORTED {}{subject}{place}", self.kind);
                return plain(&format!("{head}, after {minutes} min: it was not seen to end"));
            }
            Change::Test => self.kind.clone(),
        };
        plain(&format!("{head}: {}", clipped(&self.text, TEXT_CHARS_MAX)))
    }
}

/// Cuts a text to a number of characters, with a mark at the cut.
pub(crate) fn clipped(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

/// Removes control characters: line feeds would make headers of a mail.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(change: Change, kind: &str) -> Event {
        let (colony, subject) = ("meadow".to_owned(), "finance".to_owned());
        Event { change, colony, kind: kind.to_owned(), subject, text: "do\nthis".to_owned(), count: 2, since_ms: 0 }
    }

    #[test]
    fn a_message_says_what_began_and_what_is_over() {
        let events = vec![event(Change::Opened, "DEAD_LETTERS"), event(Change::Resolved, "PAUSED")];
        let message = Message::new("production broker", 120_000, events);
        assert_eq!(message.title(), "[production broker] DEAD_LETTERS; resolved: PAUSED");
        assert_eq!(
            message.lines(),
            [
                "OPEN DEAD_LETTERS (finance) in colony `meadow`, since 1970-01-01T00:00:00Z: do this",
                "RESOLVED PAUSED (finance) in colony `meadow`, after 2 min",
            ]
        );
    }

    #[test]
    fn the_same_changes_have_the_same_id_and_others_another() {
        let id = |change| Message::new("a", 1, vec![event(change, "PAUSED")]).id;
        assert_eq!(id(Change::Opened), Message::new("b", 2, vec![event(Change::Opened, "PAUSED")]).id);
        assert_ne!(id(Change::Opened), id(Change::Resolved));
        let grown = |count| Message::new("a", 1, vec![Event { count, ..event(Change::Grew, "DEAD_LETTERS") }]).id;
        assert_ne!(grown(2), grown(3));
    }
}
