//! Progress, checkpoints, logs and attributes of running processes.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{
    AttachResult, Attribute, AttributeBatch, CheckpointSize, ColonyKey, LogBatch, LogCursor, LogFilter, LogLine, Page,
    Report, ReportResult, StoredProgress,
};

/// Progress, checkpoints, logs and attributes. Every write requires a held lease (matching token, not over); without it nothing changes,
/// not even if the lease ends at the same moment.
#[async_trait::async_trait]
pub trait RunningStore: Send + Sync {
    /// Stores the last signed progress of processes, and the last with a checkpoint, which outlives the attempt. A report whose attempt and
    /// number are not greater than the stored ones changes nothing ([`ReportResult::Older`]).
    async fn report(&self, reports: &[Report], now_ms: i64) -> StoreResult<Vec<ReportResult>>;

    /// Returns the last signed progress of a process; `None` if it reported none.
    async fn progress(&self, process_id: Uuid) -> StoreResult<Option<StoredProgress>>;

    /// Returns the size of the last signed progress with a checkpoint of each of these processes. Processes without one are left out, and
    /// those whose signer's grant is revoked.
    async fn checkpoint_sizes(&self, process_ids: &[Uuid]) -> StoreResult<Vec<CheckpointSize>>;

    /// Returns the last signed progress with a checkpoint of each of these processes, in any order. Leaves out the same processes as
    /// [`checkpoint_sizes`](Self::checkpoint_sizes).
    async fn checkpoints(&self, process_ids: &[Uuid]) -> StoreResult<Vec<StoredProgress>>;

    /// Stores log lines: of each batch the first lines, up to the bounds of the process
    /// ([`LOG_LINES_MAX`](crate::limits::LOG_LINES_MAX), [`LOG_BYTES_MAX`](crate::limits::LOG_BYTES_MAX)). Returns the number of
    /// dropped lines for each batch; `None` for a lost lease. The numbers of a process's lines grow in the order of the commits.
    async fn add_logs(&self, batches: &[LogBatch], now_ms: i64) -> StoreResult<Vec<Option<usize>>>;

    /// Returns a page of the colony's log lines that match, oldest first.
    async fn list_logs(
        &self,
        colony: ColonyKey,
        filter: &LogFilter,
        page: Page<LogCursor>,
    ) -> StoreResult<Vec<LogLine>>;

    /// Returns the last `count` of the colony's log lines that match, newest first.
    async fn list_last_logs(&self, colony: ColonyKey, filter: &LogFilter, count: i64) -> StoreResult<Vec<LogLine>>;

    /// Attaches values to processes; a value replaces the one with the same kind and key. A batch after which its process would have more
    /// than [`ATTRIBUTES_MAX`](crate::limits::ATTRIBUTES_MAX) values attaches none ([`AttachResult::Full`]).
    async fn set_attributes(&self, batches: &[AttributeBatch], now_ms: i64) -> StoreResult<Vec<AttachResult>>;

    /// Returns the values attached to a process, by kind and key.
    async fn attributes(&self, process_id: Uuid) -> StoreResult<Vec<Attribute>>;
}
