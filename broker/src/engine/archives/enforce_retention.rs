//! Deleting at once what is archived and past retention.

use apiary_store::model::{ARCHIVE_HOLD, RetentionRange};
use tokio::time::Instant;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::{DELETED_KEPT_MS, RETENTION_ROWS_FIRST, RETENTION_TURN};

/// The work of one turn.
pub(crate) struct RetentionTurn {
    /// The number of deleted processes.
    pub(crate) deleted: i64,
    /// True if there is more to delete.
    pub(crate) is_more: bool,
}

impl Engine {
    /// Deletes what is archived and past the broker's retention, for a turn. The sweep does the same by itself, some time later.
    pub(crate) async fn enforce_retention(
        &self,
        permit: Permit<action::EnforceRetention>,
    ) -> Result<RetentionTurn, Error> {
        let colony = permit.colony();
        let holds = self.store.list_retention_holds(colony.key).await?;
        if !holds.iter().any(|hold| hold.name == ARCHIVE_HOLD) {
            return Err(Error::StateConflict(format!("colony `{}` has no archive: archive first", colony.name)));
        }
        let (begun, now_ms, mut turn) =
            (Instant::now(), self.clock.now_ms(), RetentionTurn { deleted: 0, is_more: false });
        for (state, kept_ms) in self.retention.states() {
            let mut range = RetentionRange {
                colony: colony.key,
                state,
                // What was passed over is kept for another reason, and is read again by the sweep.
                after_ms: self.retention.front(colony.key, state),
                until_ms: now_ms.saturating_sub(kept_ms),
                rows: RETENTION_ROWS_FIRST,
                now_ms,
                record_after_ms: now_ms.saturating_sub(DELETED_KEPT_MS),
            };
            loop {
                if begun.elapsed() >= RETENTION_TURN {
                    return Ok(RetentionTurn { is_more: true, ..turn });
                }
                // Another broker is deleting: it deletes these, too.
                let Some(result) = self.store.delete_past(&range).await? else {
                    turn.is_more = true;
                    break;
                };
                turn.deleted += result.deleted;
                range.after_ms = result.last_ms.unwrap_or(range.after_ms);
                if result.read < range.rows {
                    break;
                }
            }
        }
        Ok(turn)
    }
}
