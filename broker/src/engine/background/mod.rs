//! Background work. One loop runs most sweeps, when the earliest of them is due; an idle broker asks
//! the database a few times a minute.
//!
//! | sweep | moves | when |
//! |---|---|---|
//! | [`unblock`] | blocked → waiting | `not_before` or back-off is over, and no parent is waited for |
//! | [`leases`] | running → waiting or dead letter | a lease or `max_exec` is over |
//! | [`give_back_revoked`] | running → waiting | the executor's grant is revoked |
//! | [`waits`] | waiting → failed | `max_wait` is over |
//! | [`keys`] | idempotency keys → forgotten | their retention is over |
//! | [`settle_dependencies`] | children of processes that ended → freed, or cancelled | after each end; all of them every minute |
//! | [`Bulks`] | processes of bulk actions | while there are some |
//! | [`Keeper`] | finished and deleted processes → gone | their retention is over; every minute, and on and on while it lags |
//! | [`RefusalWriter`] | gathered refusals → the colonies' events | every second, while there are some |
//! | [`AddressWriter`] | networks of keys → the database, and new ones → the colonies' events | every second, while there are some |
//! | [`forget_events`] | events past their bounds → gone | every minute |
//! | [`buckets`] | buckets of rates → forgotten | they are full again |
//! | [`fold_counts`] | changes of the numbers of processes → the numbers | every three seconds, after commits |
//! | [`keep_time`] | the broker's clock → the database's | every minute, where brokers share a database |

mod addresses;
mod buckets;
mod bulks;
mod counts;
mod dependencies;
mod keys;
mod leases;
mod refusals;
mod retention;
mod timekeeping;
mod unblock;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use apiary_store::{Store, StoreResult};
use tokio_util::sync::CancellationToken;

use crate::engine::leases::revoked::give_back_revoked;
use crate::engine::notify::wakeups::Wakeups;
use crate::engine::passes::sweep;
use crate::limits::{SWEEP_SLEEP_MAX, SWEEP_SLEEP_MIN};
use crate::metrics::BrokerMetrics;

pub(crate) use addresses::AddressWriter;
pub(crate) use bulks::Bulks;
pub(crate) use counts::fold_counts;
pub(crate) use dependencies::settle_dependencies;
pub(crate) use refusals::{RefusalWriter, forget_events};
pub(crate) use retention::Keeper;
pub(crate) use timekeeping::keep_time;

/// Parts that learn of processes and attempts that a sweep ends.
pub(crate) struct Ends {
    pub(crate) wakeups: Wakeups,
    pub(crate) lines: Throttle,
    pub(crate) metrics: Arc<BrokerMetrics>,
}

/// Runs the sweeps until `stop`.
pub(crate) async fn run(store: &dyn Store, clock: &dyn Clock, ends: &Ends, stop: &CancellationToken) {
    let Ends { wakeups, lines, .. } = ends;
    loop {
        // A deadline noted from here on is not part of this round.
        wakeups.deadline().take();
        let swept = round(store, clock, ends).await;
        let sleep = match swept {
            Ok(next_ms) => until(next_ms, clock.now_ms()),
            Err(error) => {
                let error = error.to_string();
                if let Some(held_back) = lines.pass(&format!("sweep {error}")) {
                    tracing::warn!(error, held_back, "a sweep failed; trying again");
                }
                Duration::from_secs(1)
            }
        };
        if !rest(sleep, clock, wakeups, stop).await {
            return;
        }
    }
}

/// Runs every sweep that is due; returns the time of the next. A sweep that fails, because of one damaged row, does not keep the
/// others from their work.
async fn round(store: &dyn Store, clock: &dyn Clock, ends: &Ends) -> StoreResult<Option<i64>> {
    let Ends { wakeups, lines, .. } = ends;
    let unblocked = sweep("unblock", unblock::sweep(store, clock, wakeups)).await;
    // Before the leases' ends: the lease of a removed executor costs no retry.
    let given_back = sweep("give_back_revoked", give_back_revoked(store, clock, wakeups, lines)).await;
    let ended = sweep("leases", leases::sweep(store, clock, ends)).await;
    let expired = sweep("waits", waits::sweep(store, clock, ends)).await;
    let all_forgotten = sweep("keys", keys::sweep(store, clock)).await;
    let no_bucket_left = sweep("buckets", buckets::sweep(store, clock)).await;
    given_back?;
    unblocked.and(ended).and(expired)?;
    if !all_forgotten? || !no_bucket_left? {
        return Ok(Some(clock.now_ms()));
    }
    store.next_deadline_ms().await
}

/// Sleeps, or less if an earlier deadline is noted; false to stop.
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

#[cfg(test)]
mod tests {
    use apiary_daemon::metrics::SeriesTable;
    use apiary_identity::{Digest, Envelope, Grant, KeyPair, Role, Scopes, Signature};
    use apiary_store::model::{Colony, GrantKey, NewProcess};
    use apiary_store_sqlite::SqliteStore;
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::engine::dispatch::dispatcher::Dispatcher;
    use crate::limits::SWEEP_ROWS;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::MAX)
        }
    }

    pub(super) async fn granted(store: &dyn Store) -> (Colony, GrantKey) {
        let (key, user) = (KeyPair::generate(), KeyPair::generate());
        let colony = store.create_colony(&key.id(), "test", 0, None).await.unwrap();
        let grant = Grant {
            colony: key.id(),
            grant_id: Uuid::new_v4(),
            key: user.id(),
            role: Role::User,
            name: "ada".into(),
            scopes: Scopes { functions: vec!["*".into()], executor_types: vec!["*".into()] },
            rights: Vec::new(),
            valid_from: Timestamp::UNIX_EPOCH,
            valid_until: Timestamp::MAX,
        };
        store.add_grant(&colony, &grant, &Envelope::seal(&key, &grant).unwrap(), 0, None).await.unwrap();
        let granted = store.grants_of_key(&colony, &user.id()).await.unwrap()[0].key;
        (colony, granted)
    }

    pub(super) fn process(colony: &Colony, submitter: GrantKey, key: i64) -> NewProcess {
        NewProcess {
            process_id: Uuid::new_v4(),
            colony: colony.key,
            submitter,
            function: "f".into(),
            executor_type: "t".into(),
            executor_names: Vec::new(),
            priority: 0,
            priority_time_us: 0,
            labels: Default::default(),
            max_wait_ms: 0,
            max_exec_ms: 0,
            max_retries: 0,
            not_before_ms: None,
            parents: Vec::new(),
            submit_by_ms: i64::MAX,
            requires: Default::default(),
            concurrency_key: None,
            rate_key: None,
            submitted_at_ms: 0,
            idempotency: Some((key.to_string(), 1)),
            digest: Digest([0; 32]),
            payload: "{}".into(),
            signature: Signature::from_bytes(vec![0; 64].into()).unwrap(),
        }
    }

    #[tokio::test]
    async fn idempotency_keys_are_forgotten_as_fast_as_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let store: Box<dyn Store> = Box::new(SqliteStore::open(&folder.path().join("broker.db")).await.unwrap());
        store.migrate().await.unwrap();
        let (colony, submitter) = granted(&*store).await;
        let processes: Vec<_> = (0..=SWEEP_ROWS).map(|number| process(&colony, submitter, number)).collect();
        store.submit(&processes, 0).await.unwrap();
        let (wakeups, _) = Wakeups::start(Arc::new(Dispatcher::default()), false);
        let clock = At(10_000);
        let lines = Throttle::new(Arc::new(At(10_000)));
        let metrics = Arc::new(BrokerMetrics::new(&SeriesTable::default()));
        let ends = Ends { wakeups, lines, metrics };
        // More than one statement's worth is due: the next round must not wait for something else to be.
        assert_eq!(round(&*store, &clock, &ends).await.unwrap(), Some(10_000));
        assert_eq!(round(&*store, &clock, &ends).await.unwrap(), None);
        assert_eq!(store.forget_idempotency_keys(10_000, SWEEP_ROWS).await.unwrap(), 0);
    }
}
