//! Notifications about changes, inside this broker and to others.

pub(super) mod ended;
pub(super) mod peers;
pub(super) mod relay;
pub(super) mod wakeups;
pub(super) mod watches;
