//! `LeaseService`.

mod add_logs;
mod checkpoints;
mod claim;
mod complete;
mod crowds;
mod deadlines;
mod drained;
mod end_batch;
mod fail;
mod matching;
mod order;
mod release;
mod renew;
mod report;
mod set_attributes;
mod wakeups;
