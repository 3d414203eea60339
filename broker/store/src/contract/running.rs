//! Progress, checkpoints, logs and attributes of running processes.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{
    Attached, Attribute, AttributeBatch, CheckpointSize, ColonyKey, LogBatch, LogCursor, LogFilter, LogLine, Page,
    Report, Reported, StoredProgress,
};

/// Progress, checkpoints, logs and attributes. A call from anybody but the lease's holder changes nothing, also if the lease
/// ends at the same moment.
#[async_trait::async_trait]
pub trait RunningStore: Send + Sync {
    /// Keeps the last signed progress of processes, and the last with a checkpoint, which outlives the attempt. A report whose
    /// attempt and number are not beyond those kept changes nothing.
    async fn report(&self, reports: &[Report], now_ms: i64) -> StoreResult<Vec<Reported>>;

    /// The last signed progress of a process.
    async fn progress(&self, process_id: Uuid) -> StoreResult<Option<StoredProgress>>;

    /// How large the last signed progress with a checkpoint of each of these processes is. Those without are left out, and those
    /// whose signer's grant is revoked.
    async fn checkpoint_sizes(&self, process_ids: &[Uuid]) -> StoreResult<Vec<CheckpointSize>>;

    /// The last signed progress with a checkpoint of each of these processes, in any order; the same are left out.
    async fn checkpoints(&self, process_ids: &[Uuid]) -> StoreResult<Vec<StoredProgress>>;

    /// Keeps log lines, as many of each batch as the process still has room for
    /// ([`LOG_LINES_MAX`](crate::limits::LOG_LINES_MAX), [`LOG_BYTES_MAX`](crate::limits::LOG_BYTES_MAX)), from its first on.
    /// The answer is how many were dropped, or `None` for a lost lease. The numbers of one process's lines grow in the order
    /// of their commits.
    async fn add_logs(&self, batches: &[LogBatch], now_ms: i64) -> StoreResult<Vec<Option<usize>>>;

    /// One page of the colony's log lines that match, oldest first.
    async fn list_logs(
        &self,
        colony: ColonyKey,
        filter: &LogFilter,
        page: Page<LogCursor>,
    ) -> StoreResult<Vec<LogLine>>;

    /// The last `count` of the colony's log lines that match, newest first.
    async fn list_last_logs(&self, colony: ColonyKey, filter: &LogFilter, count: i64) -> StoreResult<Vec<LogLine>>;

    /// Attaches values to processes; one of the same kind and key replaces the older. A batch that would give its process more
    /// than [`ATTRIBUTES_MAX`](crate::limits::ATTRIBUTES_MAX) attaches none.
    async fn set_attributes(&self, batches: &[AttributeBatch], now_ms: i64) -> StoreResult<Vec<Attached>>;

    /// What is attached to a process, by kind and key.
    async fn attributes(&self, process_id: Uuid) -> StoreResult<Vec<Attribute>>;
}
