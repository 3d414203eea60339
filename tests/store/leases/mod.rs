//! Leases: claimed once, fenced by their token, ended once.

pub(crate) mod add_logs;
mod claim;
mod complete;
mod complete_and_claim;
mod fail;
mod get;
mod hand_over;
mod matching;
mod plain;
mod plans;
mod release;
mod renew;
pub(crate) mod report;
mod set_attributes;
