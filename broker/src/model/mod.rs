//! Plain types that every layer shares: no I/O, no wire, no SQL.

mod colony;
mod grant;
mod lease;
mod page;
mod process;

pub use colony::{Colony, ColonyKey};
pub use grant::{GrantKey, GrantRecord, StoredGrant};
pub use lease::{AttemptEnding, ClaimSlot, Claimed, Completion, Failure, Lane, LeaseRecord, LeaseRef, Renewal};
pub(crate) use page::cut_to_bytes;
pub use page::{GrantCursor, Page, ProcessCursor};
pub use process::{
    Attempt, NewProcess, ProcessFilter, ProcessRecord, ProcessState, ProcessSummary, SpecRecord, Submitted,
};
