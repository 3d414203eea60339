//! Bounds of the security bee.

use std::time::Duration;

/// Events of the colony's stream that one run looks at; of more, the last of each kind. They are most of the memory that the bee takes.
pub(super) const EVENTS_READ_MAX: usize = 8000;
/// Events of a page of the stream.
pub(super) const EVENTS_PAGE: i32 = 500;
/// Pages of the stream that one run reads.
pub(super) const EVENTS_PAGES_MAX: usize = 500;
/// Events in the arguments.
pub(super) const EVENTS_SUBMITTED_MAX: usize = 2000;
/// Bytes of each text of an event in the arguments.
pub(super) const EVENT_TEXT_BYTES_MAX: usize = 512;
/// Grants, executors and dead letters that one run reads of each.
pub(super) const ROWS_READ_MAX: usize = 5000;
/// Rows of a page of these.
pub(super) const ROWS_PAGE: i32 = 1000;
/// Reasons in a report; all count.
pub(super) const REASONS_MAX: usize = 100;
/// Positions of events that a reason names.
pub(super) const EVIDENCE_MAX: usize = 5;
/// Subjects of one rule that count towards the score.
pub(super) const SUBJECTS_SCORED_MAX: usize = 3;
/// Longest time that a run looks back, in hours.
pub(super) const HOURS_MAX: u32 = 720;
/// Bytes of the reason for a response.
pub(super) const REASON_BYTES_MAX: usize = 512;
/// Longest lock of an account, in hours.
pub(super) const LOCK_HOURS_MAX: u32 = 8760;
/// The difference of two times of an account's lock that counts as none: durations are in whole seconds.
pub(super) const LOCK_TOLERANCE_MS: i64 = 5000;
/// Time limit for a call to Supabase.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the longest answer of Supabase that is read.
pub(super) const ANSWER_BYTES_MAX: usize = 256 * 1024;
