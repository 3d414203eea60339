//! Events: accepted changes and refusals, in the order of their commits.

use apiary_identity::Id;
use apiary_protocol::{EventClass, EventKind};
use uuid::Uuid;

use crate::limits::{EVENT_NAME_BYTES_MAX, EVENT_TEXT_BYTES_MAX, EVENTS_SCANNED_MAX};

/// An event. Empty text means that there is none. Its kind is an [`EventKind`] or, of a stored event, a word: a newer broker may have
/// stored one that this broker does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<Kind> {
    /// The time.
    pub time_ms: i64,
    /// The kind.
    pub kind: Kind,
    /// The RPC's name, or the page's route.
    pub method: String,
    /// The reason of a refusal, as the caller got it.
    pub reason: String,
    /// The key that signed, or is said to have signed.
    pub key: Option<Id>,
    /// True if a signature of the key was verified.
    pub is_proven: bool,
    /// The name of the key's grant; `colony` for the colony's own key.
    pub name: String,
    /// The address of the other side.
    pub address: String,
    /// The process.
    pub process_id: Option<Uuid>,
    /// The function. The store fills it in for a process that it knows.
    pub function: String,
    /// The id of the request.
    pub request_id: String,
    /// The thing that was changed.
    pub subject: String,
    /// The details, in words.
    pub detail: String,
    /// The number of times that it happened.
    pub count: i64,
}

/// An event to store.
pub type NewEvent = Event<EventKind>;

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The place in the colony's stream: 1 for the first, in the order of the commits, without a gap.
    pub position: i64,
    /// The event.
    pub event: Event<String>,
}

/// A network from which a key made a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNetwork {
    /// The key.
    pub key: Id,
    /// The network, such as `203.0.113.0/24`.
    pub network: String,
    /// The time of the call.
    pub seen_ms: i64,
}

/// A filter on events. Absent fields match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The process.
    pub process_id: Option<Uuid>,
    /// The key.
    pub key: Option<Id>,
    /// The function.
    pub function: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The RPC's name, or the page's route.
    pub method: Option<String>,
    /// Any of these kinds; empty for all.
    pub kinds: Vec<EventKind>,
    /// The earliest time.
    pub since_ms: Option<i64>,
    /// The time before which it happened.
    pub until_ms: Option<i64>,
}

/// The part of the stream to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOrder {
    /// Events after this position.
    After(i64),
    /// The last events.
    Last,
}

/// A page of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The events that match, oldest first: fewer than asked for, or none, where few of many match.
    pub events: Vec<StoredEvent>,
    /// The position up to which the stream was read: the next page goes on after it.
    pub next: i64,
    /// The position of the colony's last event; 0 if there was none.
    pub head: i64,
    /// True if more may follow at once; of the last events, that older ones which may match were not read.
    pub is_more: bool,
}

/// Bounds of a colony's stream. Beyond them the oldest events are deleted.
#[derive(Clone, Copy, Debug)]
pub struct EventBounds {
    /// The most events of each class.
    pub most: EventCounts,
    /// The time before which an event is deleted.
    pub before_ms: i64,
    /// The most events of a colony that one call deletes for each bound.
    pub rows_max: i64,
}

/// Numbers of events by class, in the order of [`EventClass::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts(pub [i64; EventClass::ALL.len()]);

impl EventCounts {
    /// Names of the columns that hold the numbers.
    pub const COLUMNS: [&str; EventClass::ALL.len()] = ["changes", "refusals", "owned", "newcomers", "addresses"];

    /// Returns the sum.
    pub fn sum(&self) -> i64 {
        self.0.iter().sum()
    }

    /// Returns the numbers, each at most so many.
    pub fn at_most(&self, most: i64) -> Self {
        Self(self.0.map(|count| count.min(most)))
    }
}

impl NewEvent {
    /// Returns an event of this kind and time, with nothing else in it.
    pub fn new(kind: EventKind, time_ms: i64) -> Self {
        Self {
            time_ms,
            kind,
            method: String::new(),
            reason: String::new(),
            key: None,
            is_proven: false,
            name: String::new(),
            address: String::new(),
            process_id: None,
            function: String::new(),
            request_id: String::new(),
            subject: String::new(),
            detail: String::new(),
            count: 1,
        }
    }

    /// Returns the event once for each of these processes.
    pub fn of_each<'a>(&self, process_ids: impl IntoIterator<Item = &'a Uuid>) -> Vec<Self> {
        process_ids.into_iter().map(|process_id| Self { process_id: Some(*process_id), ..self.clone() }).collect()
    }

    /// Returns the event with its text cut to its bounds, and without NUL, which Postgres cannot store.
    pub fn bounded(mut self) -> Self {
        let names = [
            &mut self.method,
            &mut self.reason,
            &mut self.name,
            &mut self.address,
            &mut self.function,
            &mut self.request_id,
            &mut self.subject,
        ];
        for text in names {
            bound(text, EVENT_NAME_BYTES_MAX);
        }
        bound(&mut self.detail, EVENT_TEXT_BYTES_MAX);
        self
    }
}

impl EventFilter {
    /// Returns the number of rows that a page of `size` events reads at most: as many, if everything matches.
    pub fn scan_max(&self, size: i64) -> i64 {
        if *self == Self::default() { size } else { EVENTS_SCANNED_MAX }
    }
}

fn bound(text: &mut String, bytes_max: usize) {
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
    // A copy: cut in place, the text would keep its memory, which a stranger can make megabytes.
    if text.len() > bytes_max || text.capacity() > bytes_max {
        *text = text[..text.floor_char_boundary(bytes_max)].to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        let long = NewEvent {
            detail: "é".repeat(EVENT_TEXT_BYTES_MAX),
            subject: "a\0b".to_owned(),
            ..NewEvent::new(EventKind::GuardSet, 0)
        };
        let bounded = long.bounded();
        assert!(bounded.detail.len() <= EVENT_TEXT_BYTES_MAX && bounded.detail.ends_with('é'));
        assert_eq!(bounded.subject, "a\u{fffd}b");
    }

    #[test]
    fn cut_text_gives_its_memory_back() {
        let mut roomy = String::with_capacity(2 * 1024 * 1024);
        roomy.push_str("charge");
        let long = NewEvent {
            function: "f".repeat(2 * 1024 * 1024),
            subject: roomy,
            ..NewEvent::new(EventKind::RefusedSignature, 0)
        };
        let bounded = long.bounded();
        assert_eq!((bounded.function.len(), bounded.subject.as_str()), (EVENT_NAME_BYTES_MAX, "charge"));
        assert!(bounded.function.capacity() <= EVENT_NAME_BYTES_MAX);
        assert!(bounded.subject.capacity() <= EVENT_NAME_BYTES_MAX);
    }
}
