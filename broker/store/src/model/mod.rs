//! Plain types that every layer shares: no I/O, no wire, no SQL.

mod archive;
mod bucket;
mod bulk;
mod colony;
mod dependency;
mod event;
mod executor;
mod explain;
mod grant;
mod lease;
mod limit;
mod operation;
mod page;
mod pause;
mod process;
mod retention;
mod running;

pub use archive::{
    ARCHIVE_HOLD, FinishedCursor, FinishedProcess, FinishedProgress, NewArchive, SignedBytes, StoredArchive,
};
pub use bucket::Bucket;
pub use bulk::{Bulk, BulkAction, BulkState, BulkStep};
pub use colony::{Colony, ColonyKey};
pub use dependency::{FailedParent, Parent, ParentEnd, SettleResult};
pub use event::{
    Event, EventBounds, EventCounts, EventFilter, EventOrder, EventPage, KeyNetwork, NewEvent, StoredEvent,
};
pub use executor::{
    AnnouncedFunction, Announcement, ExecutorFilter, ExecutorRecord, ExpiryBounds, FunctionStatistics, LastSeen,
    MinMeanMax, PendingBound, Registration, RevokedGrant,
};
pub use explain::{
    ColonyProblems, ExplainReason, ExplainRecord, FailureSummary, LimitHolders, RunningType, WaitSummary, WaitingGroup,
    WaitingType,
};
pub use grant::{GrantKey, GrantRecord, StoredGrant};
pub use lease::{
    AttemptEnding, CancelMark, ClaimResult, ClaimSlot, ClaimedLease, Completion, Failure, InstanceLease, Lane,
    LeaseEnd, LeaseRecord, LeaseRef, Release, Renewal, RenewedLease, SlotGrant,
};
pub use limit::{Limit, LimitKind, LimitPolicy, LimitRecord, LimitUse, Limits, Rate};
pub use operation::{Cancel, Discard, Effect};
pub use page::cut_to_bytes;
pub use page::{ExecutorCursor, GrantCursor, Page, ProcessCount, ProcessCursor, ProcessPage};
pub use pause::{Pause, PauseKind, PauseTarget};
pub use process::{
    Attempt, NewProcess, ProcessFilter, ProcessRecord, ProcessState, ProcessSummary, Resubmission, SpecRecord,
    SubmitResult,
};
pub use retention::{RangeResult, Retention, RetentionBacklog, RetentionHold, RetentionRange};
pub use running::{
    AttachResult, Attribute, AttributeBatch, AttributeKind, CheckpointSize, LogBatch, LogCursor, LogFilter, LogLevel,
    LogLine, NewAttribute, NewLogLine, Report, ReportResult, StoredProgress,
};
