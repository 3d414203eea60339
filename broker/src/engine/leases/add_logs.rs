//! Log lines of running attempts.

use std::sync::Arc;

use apiary_identity::Clock;
use apiary_store::StoreResult;
use apiary_store::model::{LogBatch, NewLogLine};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;
use crate::engine::leases::lookup::{Holder, LeaseLookup};
use crate::engine::notify::wakeups::{Change, Wakeups};

/// Bytes that a line adds to its text in memory.
const LINE_BYTES: usize = 128;

impl Engine {
    /// Stores log lines of an attempt whose lease is held; returns the number of lines dropped because the process has its maximum.
    pub(crate) async fn add_logs(
        &self,
        permit: Permit<action::AddLogs>,
        process_id: Uuid,
        attempt: i32,
        lines: Vec<NewLogLine>,
    ) -> Result<usize, Error> {
        let holder = Holder::new(&permit, process_id, attempt)?;
        let bytes = lines.iter().map(|line| line.bytes() + LINE_BYTES).sum();
        self.logs.commit(LogItem { holder, lines, bytes }).await
    }
}

/// Log lines on their way into the store.
pub(crate) struct LogItem {
    holder: Holder,
    lines: Vec<NewLogLine>,
    bytes: usize,
}

/// Writes gathered log lines.
pub(crate) struct LogFlush {
    lookup: LeaseLookup,
    wakeups: Wakeups,
    clock: Arc<dyn Clock>,
}

impl LogFlush {
    pub(crate) fn new(lookup: LeaseLookup, wakeups: Wakeups, clock: Arc<dyn Clock>) -> Self {
        Self { lookup, wakeups, clock }
    }
}

#[async_trait::async_trait]
impl Flush for LogFlush {
    type Item = LogItem;
    type Answer = usize;
    type Key = Uuid;

    fn keys(&self, item: &LogItem) -> Vec<Uuid> {
        vec![item.holder.process_id]
    }

    fn bytes(&self, item: &LogItem) -> usize {
        item.bytes
    }

    async fn flush(&self, items: &[LogItem]) -> StoreResult<Vec<Result<usize, Error>>> {
        let leases = self.lookup.held(items.iter().map(|item| &item.holder)).await?;
        let (mut answers, mut batches, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (item, lease) in items.iter().zip(&leases) {
            // Until the database says otherwise, the lease is lost.
            answers.push(Err(item.holder.lost()));
            if let Some(lease) = lease {
                places.push(answers.len() - 1);
                let (colony, lines) = (lease.lane.colony, item.lines.clone());
                batches.push(LogBatch { lease: lease.reference(), colony, lines });
            }
        }
        let dropped = self.lookup.store().add_logs(&batches, self.clock.now_ms()).await?;
        for ((place, batch), dropped) in places.into_iter().zip(&batches).zip(dropped) {
            if let Some(dropped) = dropped {
                answers[place] = Ok(dropped);
                if dropped < batch.lines.len() {
                    self.wakeups.logged(Change { colony: batch.colony, process_id: batch.lease.process_id });
                }
            }
        }
        Ok(answers)
    }
}
