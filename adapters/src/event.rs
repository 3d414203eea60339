//! An event's identifying values, read from a verified request.

/// Most characters of an id or a type.
pub(crate) const TEXT_CHARS_MAX: usize = 255;

/// An event's identifying values. Every text is bounded, safe to log and store, and has no colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's id at the sender, the same for every delivery.
    pub id: String,
    /// Type of event, in the sender's terms.
    pub kind: String,
    /// True for live events, false for those of a test environment; `None` if the sender has no test environment.
    pub livemode: Option<bool>,
    /// Account of the event, if the sender serves several.
    pub account: Option<String>,
    /// Arguments of its process; `None` for the whole body, byte for byte.
    pub args: Option<Vec<u8>>,
    /// True if the sender may give one id to events of several types, such as the id of what they are about.
    pub shares_id: bool,
}

impl Event {
    /// Creates an event without a mode or an account, whose process gets the whole body.
    pub fn new(id: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { id: id.into(), kind: kind.into(), livemode: None, account: None, args: None, shares_id: false }
    }

    /// Returns the key `<source>:<live|test|nothing>:<account, or nothing>:<event id>`, with `:<type>` behind it if ids are shared. An event keeps its id over all
    /// retries of its sender, and over all endpoints that it is sent to. Source, mode and account are part of the key, so
    /// that no test event, and no event of another account, is taken for another. No part may contain a colon.
    pub(crate) fn idempotency_key(&self, source: &str) -> String {
        let mode = match self.livemode {
            Some(true) => "live",
            Some(false) => "test",
            None => "",
        };
        let key = format!("{source}:{mode}:{}:{}", self.account.as_deref().unwrap_or_default(), self.id);
        if self.shares_id { format!("{key}:{}", self.kind) } else { key }
    }
}

/// An event as its idempotency key names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName {
    /// Source, or the name of one of several senders.
    pub source: String,
    /// True for live events, false for those of a test environment; `None` if the sender has no test environment.
    pub livemode: Option<bool>,
    /// Account of the event; empty if the sender serves one.
    pub account: String,
    /// The event's id at the sender.
    pub id: String,
}

impl EventName {
    /// Reads the idempotency key of an event, whatever follows the id; `None` for another text, such as an id alone.
    pub fn read(key: &str) -> Option<Self> {
        let mut parts = key.split(':');
        let [source, mode, account, id] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?].map(str::to_owned);
        let livemode = match mode.as_str() {
            "live" => Some(true),
            "test" => Some(false),
            "" => None,
            _ => return None,
        };
        Some(Self { source, livemode, account, id })
    }
}

/// Returns true if a text may be an event's id: up to 255 letters, digits, `.`, `_` and `-`.
pub(crate) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=TEXT_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// Returns true if a text may be a type of event: up to 255 letters, digits, `.`, `_`, `-`, `[` and `]`. Some of Stripe's
/// newer types have brackets, for example `v2.core.account[requirements].updated`.
pub(crate) fn is_type(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'[' | b']');
    (1..=TEXT_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// Returns true if a body can be a JSON object. Readers of some fields would take a list for one.
pub(crate) fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_event_names_it() {
        let mut event = Event::new("evt_1", "invoice.paid");
        for livemode in [Some(true), Some(false), None] {
            for (account, shares_id) in [(None, false), (Some("acct_1".to_owned()), true)] {
                (event.livemode, event.account, event.shares_id) = (livemode, account.clone(), shares_id);
                let name = EventName::read(&event.idempotency_key("stripe")).unwrap();
                let account = account.unwrap_or_default();
                assert_eq!(name, EventName { source: "stripe".to_owned(), livemode, account, id: "evt_1".to_owned() });
            }
        }
        for text in ["evt_1", "stripe:live:evt_1", "stripe:both::evt_1", ""] {
            assert_eq!(EventName::read(text), None, "{text}");
        }
    }
}
