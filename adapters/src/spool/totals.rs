//! Totals of a spool.

/// Numbers of a spool's events, and its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolTotals {
    /// Events waiting in the line.
    pub waiting_events: u64,
    /// Bytes of the waiting events.
    pub waiting_bytes: u64,
    /// Arrival time of the first waiting event, in milliseconds since 1970-01-01 UTC.
    pub oldest_ms: Option<i64>,
    /// Events that the broker rejects.
    pub set_aside_events: u64,
    /// Bytes of the set-aside events.
    pub set_aside_bytes: u64,
    /// Arrival time of the oldest set-aside event, in milliseconds since 1970-01-01 UTC.
    pub set_aside_oldest_ms: Option<i64>,
    /// Arrival time of the newest set-aside event, in milliseconds since 1970-01-01 UTC.
    pub set_aside_newest_ms: Option<i64>,
    /// True if the last write failed because of a full or faulty disk.
    pub is_failing: bool,
    /// True while the reserve for a full disk is missing: events are forwarded, and none is accepted.
    pub lacks_reserve: bool,
    /// True if an event was rejected for lack of room, and none has been forwarded since.
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
