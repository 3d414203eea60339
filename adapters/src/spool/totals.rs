//! How much is in a spool.

/// How much is in a spool, and how it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolTotals {
    /// Events in line for the broker.
    pub waiting_events: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// When the first of them came, in milliseconds since 1970-01-01 UTC.
    pub oldest_ms: Option<i64>,
    /// Events that the broker does not accept.
    pub set_aside_events: u64,
    /// Their bytes.
    pub set_aside_bytes: u64,
    /// When the first of them came, in milliseconds since 1970-01-01 UTC.
    pub set_aside_oldest_ms: Option<i64>,
    /// When the last of them came, in milliseconds since 1970-01-01 UTC.
    pub set_aside_newest_ms: Option<i64>,
    /// True if the last write failed: the disk is full, or broken.
    pub is_failing: bool,
    /// True while no room is kept for a full disk: what waits is forwarded, and no event is taken.
    pub lacks_reserve: bool,
    /// True if an event found no room, and none has been forwarded since.
    pub is_full: bool,
}

impl SpoolTotals {
    pub(super) fn events(&self) -> u64 {
        self.waiting_events.saturating_add(self.set_aside_events)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.waiting_bytes.saturating_add(self.set_aside_bytes)
    }

    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting_events > 0
    }
}
