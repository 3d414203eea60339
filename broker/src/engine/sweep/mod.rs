//! What must happen without anybody asking. One loop does all sweeps, when the earliest of them is due; an idle broker asks
//! the database a few times a minute.
//!
//! | sweep | moves | when |
//! |---|---|---|
//! | [`unblock`] | blocked → waiting | `not_before` or back-off is over |
//! | [`leases`] | running → waiting or dead letter | a lease or `max_exec` is over |
//! | [`waits`] | waiting → failed | `max_wait` is over |
//! | [`keys`] | idempotency keys → forgotten | their retention is over |
//! | [`keep_time`] | the broker's clock → the database's | every minute, where brokers share a database |

mod keys;
mod leases;
mod timekeeping;
mod unblock;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use apiary_identity::Clock;
use tokio_util::sync::CancellationToken;

use super::wakeups::Wakeups;
use crate::limits::{SWEEP_SLEEP_MAX, SWEEP_SLEEP_MIN};
use crate::store::{Store, StoreResult};

pub(crate) use timekeeping::keep_time;

/// Sweeps until `stop`.
pub(crate) async fn run(store: Arc<dyn Store>, clock: Arc<dyn Clock>, wakeups: Wakeups, stop: CancellationToken) {
    loop {
        // What is heard from here on is not part of this round.
        wakeups.deadline().take();
        let sleep = match round(&*store, &*clock, &wakeups).await {
            Ok(next_ms) => until(next_ms, clock.now_ms()),
            Err(error) => {
                tracing::warn!(%error, "a sweep failed; it is tried again");
                Duration::from_secs(1)
            }
        };
        if !rest(sleep, &*clock, &wakeups, &stop).await {
            return;
        }
    }
}

/// Does everything that is due; says when the next thing is.
async fn round(store: &dyn Store, clock: &dyn Clock, wakeups: &Wakeups) -> StoreResult<Option<i64>> {
    unblock::sweep(store, clock, wakeups).await?;
    leases::sweep(store, clock, wakeups).await?;
    waits::sweep(store, clock, wakeups).await?;
    keys::sweep(store, clock).await?;
    store.next_deadline_ms().await
}

/// Sleeps, or less if something earlier was heard of; false to stop.
async fn rest(sleep: Duration, clock: &dyn Clock, wakeups: &Wakeups, stop: &CancellationToken) -> bool {
    let mut wake_at = tokio::time::Instant::now() + sleep;
    loop {
        let heard = until(Some(wakeups.deadline().heard()), clock.now_ms());
        wake_at = wake_at.min(tokio::time::Instant::now() + heard);
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep_until(wake_at) => return true,
            () = wakeups.deadline().lowered() => {}
        }
    }
}

fn until(due_ms: Option<i64>, now_ms: i64) -> Duration {
    let due_ms = due_ms.unwrap_or(i64::MAX);
    // One millisecond later, because a thing that is due at t is over once the clock shows more than t.
    let distance = u64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or(0).saturating_add(1);
    Duration::from_millis(distance).clamp(SWEEP_SLEEP_MIN, SWEEP_SLEEP_MAX)
}
