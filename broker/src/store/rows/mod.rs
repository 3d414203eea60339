//! From rows to the model's types, for both databases. What is read is not trusted: whatever does not fit is a
//! [`StoreError::Corrupt`](super::StoreError::Corrupt) that names the table and the row.

mod bulks;
mod colonies;
mod columns;
mod grants;
mod leases;
mod pauses;
mod processes;

pub(super) use bulks::{bulk, bulk_state, count, named};
pub(super) use colonies::{colony, state_count};
pub(super) use columns::{Columns, Fields};
pub(super) use grants::{grant_record, stored_grant};
pub(super) use leases::{candidate, claimed, gate, lease_end, lease_record, moved, renewed};
pub(super) use pauses::pause;
pub(super) use processes::{
    attempt, known_process, of_colony, process_id, process_record, process_state, spec_record, state_since, summary,
};
