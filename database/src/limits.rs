//! Every bound of this crate, in one place.

use std::time::Duration;

/// Longest wait of a write for the one in progress.
pub(crate) const WRITER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Idle time after which a Postgres connection is pinged before use: firewalls drop idle connections silently.
pub(crate) const IDLE_TRUST: Duration = Duration::from_secs(20);
/// Longest wait for the answer to that ping.
pub(crate) const PING_TIME_MAX: Duration = Duration::from_secs(2);
/// Age up to which the reason of a failed connection is reported to callers that time out.
pub(crate) const REASON_AGE_MAX: Duration = Duration::from_secs(30);
/// Time after a full disk during which the commit of a small row is no evidence of free space.
pub(crate) const FULL_DISK_DOUBT: Duration = Duration::from_secs(10);
/// Longest wait for the answer of a server that was demoted meanwhile: it may itself wait for a standby that is gone.
pub(crate) const DEMOTED_ANSWER_MAX: Duration = Duration::from_secs(2);
/// Longest wait for a notification that proves that an address leads to sessions.
pub(crate) const PROOF_TIME_MAX: Duration = Duration::from_secs(2);
