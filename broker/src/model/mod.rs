//! Plain types that every layer shares: no I/O, no wire, no SQL.

mod bulk;
mod colony;
mod grant;
mod lease;
mod operation;
mod page;
mod pause;
mod process;

pub use bulk::{Bulk, BulkAction, BulkState, BulkStep};
pub use colony::{Colony, ColonyKey};
pub use grant::{GrantKey, GrantRecord, StoredGrant};
pub use lease::{
    AttemptEnding, CancelMark, ClaimSlot, Claimed, Claims, Completion, Failure, Lane, LeaseEnd, LeaseRecord, LeaseRef,
    Release, Renewal, Renewed, SlotGrant,
};
pub use operation::{Cancel, Discard, Effect, Retention};
pub(crate) use page::cut_to_bytes;
pub use page::{GrantCursor, Page, ProcessCursor};
pub use pause::{Pause, PauseKind, Paused};
pub use process::{
    Attempt, NewProcess, ProcessFilter, ProcessRecord, ProcessState, ProcessSummary, SpecRecord, Submitted,
};
