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
