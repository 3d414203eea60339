//! Leases: handing out work, and what their holders say while they have it.

pub(super) mod add_logs;
pub(super) mod backoff;
pub(super) mod checkpoints;
pub(super) mod claim;
pub(super) mod complete;
pub(super) mod fail;
pub(super) mod given;
pub(super) mod lookup;
pub(super) mod overdue;
pub(super) mod release;
pub(super) mod renew;
pub(super) mod report;
pub(super) mod revoked;
pub(super) mod set_attributes;
pub(super) mod undelivered;
