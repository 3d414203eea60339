//! Conversions from rows to the model's types, for both databases. The rows are not trusted: a value that does not fit is a
//! [`StoreError::Corrupt`](super::StoreError::Corrupt) that names the table and the row.

mod archives;
mod bulks;
mod colonies;
mod columns;
mod dependencies;
mod events;
mod executors;
mod explain;
mod grants;
mod leases;
mod limits;
mod pauses;
mod processes;
mod retention;
mod running;
mod signatures;

pub use archives::{archive_line, finished_process, finished_progress, gather, owner, revocation, stored_archive};
pub use bulks::{bulk, bulk_state, count, named};
pub use colonies::{colony, guard, state_count};
pub use columns::{Columns, Fields};
pub use dependencies::{failed_parent, freed, future_parent, parent, parent_end};
pub use events::{event_counts, event_page, is_new};
pub use executors::{announcement, executor, function_statistics};
pub use explain::{bucket, explain, failure_summary, holders, wait_summary, waiting_sort, waiting_type};
pub use grants::{grant_record, revoked_grant, revoked_grant_if_any, revoked_grant_of_any, stored_grant};
pub use leases::{
    candidate, claim_place, claimed, instance_lease, is_handed_over, is_lane_empty, is_plain, lane, lease_end,
    lease_record, moved, place, renewed, restriction, running_type, waiting_since,
};
pub use limits::{limit, limit_record, limit_use};
pub use pauses::pause;
use processes::state;
pub use processes::{
    KnownState, attempt, known_process, known_state, of_colony, of_colony_if_any, process_count, process_id,
    process_page, process_record, spec_record, summary,
};
pub use retention::{past_retention, range_result, retention_backlog, retention_hold, retention_hold_from};
pub use running::{attribute, checkpoint, checkpoint_size, log_line, log_totals, reported, stored_progress};
pub use signatures::{signature_batch, signed};
