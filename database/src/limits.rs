//! Every bound of this crate, in one place.

use std::time::Duration;

/// Longest time that a write waits for the one that is under way.
pub(crate) const WRITER_WAIT_MAX: Duration = Duration::from_secs(30);
/// A Postgres connection that was idle for longer is asked for a sign of life: firewalls forget idle connections silently.
pub(crate) const IDLE_TRUST: Duration = Duration::from_secs(20);
/// Longest time that a suspect connection may take to give a sign of life.
pub(crate) const PING_TIME_MAX: Duration = Duration::from_secs(2);
/// How long the reason of a failed connection is still told to those who wait in vain.
pub(crate) const REASON_AGE_MAX: Duration = Duration::from_secs(30);
/// Time after work found no room on the disk for which the commit of a small row does not prove that there is room.
pub(crate) const FULL_DISK_DOUBT: Duration = Duration::from_secs(10);
/// Longest time that an answer is waited for from a server that was demoted meanwhile: it may wait for a standby that is gone.
pub(crate) const DEMOTED_ANSWER_MAX: Duration = Duration::from_secs(2);
