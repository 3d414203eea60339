//! Plain types that every layer shares: no I/O, no wire, no SQL.

mod bucket;
mod bulk;
mod colony;
mod dependency;
mod executor;
mod explain;
mod grant;
mod lease;
mod limit;
mod operation;
mod page;
mod pause;
mod process;
mod running;

pub use bucket::Bucket;
pub use bulk::{Bulk, BulkAction, BulkState, BulkStep};
pub use colony::{Colony, ColonyKey};
pub use dependency::{FailedParent, Parent, ParentEnd, Settled};
pub use executor::{
    AnnouncedFunction, Announcement, Contact, ExecutorFilter, ExecutorRecord, Forgettable, FunctionStatistics,
    PendingRoom, Registration, RevokedGrant, Spread,
};
pub use explain::{ExplainRecord, Explained, FailureSummary, Holders, Troubles, WaitSummary, WaitingSort, WaitingType};
pub use grant::{GrantKey, GrantRecord, StoredGrant};
pub use lease::{
    AttemptEnding, CancelMark, ClaimSlot, Claimed, Claims, Completion, Failure, Lane, LeaseEnd, LeaseRecord, LeaseRef,
    Release, Renewal, Renewed, SlotGrant,
};
pub use limit::{Limit, LimitKind, LimitPolicy, LimitRecord, LimitUse, Limits, Rate};
pub use operation::{Cancel, Discard, Effect, Retention};
pub use page::cut_to_bytes;
pub use page::{ExecutorCursor, GrantCursor, Page, ProcessCursor};
pub use pause::{Pause, PauseKind, Paused};
pub use process::{
    Attempt, NewProcess, ProcessFilter, ProcessRecord, ProcessState, ProcessSummary, Resubmission, SpecRecord,
    Submitted,
};
pub use running::{
    Attached, Attribute, AttributeBatch, AttributeKind, CheckpointSize, LogBatch, LogCursor, LogFilter, LogLevel,
    LogLine, NewAttribute, NewLogLine, Report, Reported, StoredProgress,
};
