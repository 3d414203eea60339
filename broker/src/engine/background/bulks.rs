//! Bulk actions: one at a time and in steps, so that other work gets its turn. A step that is repeated, because the broker died before
//! it was noted, skips processes that entered their state after the start, also by the step itself, and so changes nothing twice.

use std::sync::Arc;

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use apiary_protocol::EventKind;
use apiary_store::model::{
    Bulk, BulkAction, BulkState, BulkStep, Cancel, Discard, Effect, NewEvent, Page, ProcessCursor, ProcessSummary,
};
use apiary_store::{Store, StoreResult};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::bulks::start::subject;
use crate::engine::passes::sweep;
use crate::engine::processes::operations::Operations;
use crate::limits::{
    BULK_EMPTY_PAGES_MAX, BULK_HOLD_MS, BULK_INTERVAL, BULK_PAUSE, BULK_PAUSE_AFTER_FAILURE, CANCEL_GRACE_MS_DEFAULT,
    SWEEP_ROWS,
};

/// The worker for bulk actions of this broker.
pub(crate) struct Bulks {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    operations: Operations,
    broker_id: Uuid,
    started: Arc<Notify>,
    lines: Throttle,
}

impl Bulks {
    /// Returns a worker; `started` is notified when there may be a new bulk action.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        operations: Operations,
        broker_id: Uuid,
        started: Arc<Notify>,
    ) -> Self {
        let lines = Throttle::new(clock.clone());
        Self { store, clock, operations, broker_id, started, lines }
    }

    /// Takes steps until `stop`. Bulk actions that another broker left are found at the next look.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        loop {
            let pause = match sweep("bulks", self.step()).await {
                Ok(true) => BULK_PAUSE,
                Ok(false) => BULK_INTERVAL,
                Err(error) => {
                    let error = error.to_string();
                    if let Some(held_back) = self.lines.pass(&error) {
                        tracing::warn!(error, held_back, "a step of a bulk action failed; trying again");
                    }
                    BULK_PAUSE_AFTER_FAILURE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = self.started.notified() => {}
            }
        }
    }

    /// Takes one step of one bulk action; false if there is none.
    async fn step(&self) -> StoreResult<bool> {
        let now_ms = self.clock.now_ms();
        let held_until_ms = now_ms.saturating_add(BULK_HOLD_MS);
        let Some(bulk) = self.store.hold_bulk(self.broker_id, now_ms, held_until_ms).await? else { return Ok(false) };
        let read = async |after| {
            let page = Page { size: SWEEP_ROWS, after };
            self.store.list_processes(bulk.colony, &bulk.filter, page).await
        };
        let mut found = read(bulk.after).await?;
        for _ in 0..BULK_EMPTY_PAGES_MAX {
            if !found.processes.is_empty() || found.next.is_none() {
                break;
            }
            found = read(found.next).await?;
        }
        let meant = found.processes.iter().filter(|process| is_meant(&bulk, process));
        let ids: Vec<Uuid> = meant.map(|process| process.process_id).collect();
        let changed = if ids.is_empty() { 0 } else { self.act(&bulk, &ids).await? };
        let now_ms = self.clock.now_ms();
        let step = BulkStep {
            changed,
            skipped: i64::try_from(found.processes.len()).unwrap_or(i64::MAX).saturating_sub(changed),
            after: found
                .next
                .or(bulk.after)
                .unwrap_or(ProcessCursor { submitted_at_ms: bulk.started_at_ms, process_id: Uuid::max() }),
            held_until_ms: if found.next.is_none() { now_ms } else { now_ms.saturating_add(BULK_HOLD_MS) },
            finished_at_ms: found.next.is_none().then_some(now_ms),
        };
        let event = NewEvent {
            name: bulk.by.clone(),
            subject: subject(&bulk),
            detail: format!(
                "{} changed, {} skipped",
                bulk.changed.saturating_add(step.changed),
                bulk.skipped.saturating_add(step.skipped)
            ),
            ..NewEvent::new(EventKind::BulkFinished, now_ms)
        };
        let (bulk_id, broker_id) = (bulk.bulk_id, self.broker_id);
        let state = self.store.advance_bulk(bulk.colony, bulk_id, broker_id, &step, Some(&event)).await?;
        if state == Some(BulkState::Finished) {
            tracing::info!(bulk_id = %bulk.bulk_id, action = bulk.action.as_str(), "bulk action finished");
        }
        Ok(true)
    }

    /// Applies the action, without an event for each process: those of the bulk action tell it. Returns the number of processes changed.
    async fn act(&self, bulk: &Bulk, ids: &[Uuid]) -> StoreResult<i64> {
        let (colony, operations) = (bulk.colony, &self.operations);
        let (reason, by) = (bulk.reason.clone(), bulk.by.clone());
        let effects = match bulk.action {
            BulkAction::Cancel => {
                let deadline_ms = self.clock.now_ms().saturating_add(CANCEL_GRACE_MS_DEFAULT);
                operations.cancel(colony, ids, &Cancel { deadline_ms, reason, by }, None).await?
            }
            BulkAction::Redrive => operations.redrive(colony, ids, None).await?,
            BulkAction::Discard => {
                operations.discard(colony, ids, &Discard { reason, by, is_replaced: false }, None).await?
            }
            BulkAction::Retry => operations.retry(colony, ids, None).await?,
            BulkAction::Delete => operations.delete(colony, ids, None).await?,
        };
        Ok(i64::try_from(effects.iter().filter(|effect| **effect == Effect::Changed).count()).unwrap_or(i64::MAX))
    }
}

/// True if the process has been in its state since before the start. A running process may be cancelled whenever it began.
fn is_meant(bulk: &Bulk, process: &ProcessSummary) -> bool {
    bulk.action == BulkAction::Cancel || process.since_ms <= bulk.started_at_ms
}
