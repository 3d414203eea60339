//! Processes that wait for others: once a parent has ended, they are freed, passed on to its replacement, or cancelled.
//!
//! This happens after the commit of the parent's end, and after the commit of a child, so that of two concurrent commits the
//! second finds the first; and periodically for all, because a broker may die in between.

use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use apiary_store::{Store, StoreResult};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::unblock;
use crate::engine::notify::wakeups::{Change, Wakeups};
use crate::engine::passes::sweep;
use crate::limits::{SETTLE_ALL_INTERVAL, SWEEP_ROWS};

/// Settles the waits for ended processes, until `stop`.
pub(crate) async fn settle_dependencies(
    store: &dyn Store,
    clock: &dyn Clock,
    wakeups: &Wakeups,
    lines: &Throttle,
    stop: &CancellationToken,
) {
    let ended = wakeups.ended_processes();
    let mut all_at = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = ended.noted_more() => {}
            () = tokio::time::sleep_until(all_at) => {
                ended.note_any();
                all_at = Instant::now() + SETTLE_ALL_INTERVAL;
            }
        }
        let pass = async {
            match ended.take() {
                Some(parents) => settle(store, clock, wakeups, &parents, lines, stop).await.map(drop),
                None => settle_all(store, clock, wakeups, lines, stop).await,
            }
        };
        let settled = sweep("settle_dependencies", pass).await;
        if let Err(error) = settled {
            let error = error.to_string();
            if let Some(held_back) = lines.pass(&format!("dependencies {error}")) {
                tracing::warn!(error, held_back, "dependencies not checked; trying again");
            }
            ended.note_any();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Settles the waits for all ended processes, including ends that no broker noticed.
async fn settle_all(
    store: &dyn Store,
    clock: &dyn Clock,
    wakeups: &Wakeups,
    lines: &Throttle,
    stop: &CancellationToken,
) -> StoreResult<()> {
    loop {
        let parents = store.ended_parents(SWEEP_ROWS).await?;
        let is_over = i64::try_from(parents.len()).is_ok_and(|count| count < SWEEP_ROWS);
        let moved = settle(store, clock, wakeups, &parents, lines, stop).await?;
        // If nothing moved, another broker is at it.
        if is_over || !moved || stop.is_cancelled() {
            return Ok(());
        }
    }
}

/// Settles in parts, so that other statements do not wait long for the database; returns true if there was anything to do.
async fn settle(
    store: &dyn Store,
    clock: &dyn Clock,
    wakeups: &Wakeups,
    parents: &[Uuid],
    lines: &Throttle,
    stop: &CancellationToken,
) -> StoreResult<bool> {
    let mut moved = false;
    while !parents.is_empty() && !stop.is_cancelled() {
        let now_ms = clock.now_ms();
        let settled = store.settle(parents, now_ms, SWEEP_ROWS).await?;
        for (colony, process_id) in settled.cancelled {
            if let Some(held_back) = lines.pass("cancelled with its parents") {
                tracing::warn!(%process_id, held_back, "cancelled: a process that it depends on cannot succeed any more");
            }
            wakeups.ended(Change { colony, process_id });
        }
        settled.replacements.into_iter().for_each(|by| wakeups.may_have_ended(by));
        if !settled.freed.is_empty() {
            unblock::sweep(store, clock, wakeups).await?;
            // Some may not start yet, and the `max_wait` of the others runs: the sweep must wake when that is over.
            wakeups.due_at(now_ms);
        }
        if settled.ended == 0 {
            break;
        }
        moved = true;
    }
    Ok(moved)
}
