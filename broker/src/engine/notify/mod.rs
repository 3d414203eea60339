//! Notifications: who is told when something changed, in this broker and in others.

pub(super) mod ended;
pub(super) mod relay;
pub(super) mod wakeups;
pub(super) mod watches;
