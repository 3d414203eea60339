//! Paging: each page starts after the last row of the one before, so that inserts never shift it.

use uuid::Uuid;

use super::GrantKey;

/// How much of a list, from where.
#[derive(Clone, Copy, Debug)]
pub struct Page<C> {
    /// At most this many rows.
    pub size: i64,
    /// After this row; from the start if absent.
    pub after: Option<C>,
}

/// A place in the list of processes, which goes from the newest to the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessCursor {
    /// The row's `submitted_at_ms`.
    pub submitted_at_ms: i64,
    /// The row's process id, which settles ties.
    pub process_id: Uuid,
}

/// A place in the list of grants, which goes from the oldest to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantCursor(pub GrantKey);
