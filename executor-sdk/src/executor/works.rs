//! Works in progress: each in a task and a slot of its own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use apiary_proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Context, attempt};
use crate::lease::Subject;

/// The works in progress. Dropping it stops them all.
pub(super) struct Works {
    context: Arc<Context>,
    slots: Arc<Semaphore>,
    tasks: JoinSet<()>,
    in_hand: InHand,
}

type InHand = Arc<Mutex<HashSet<(Uuid, i32)>>>;

impl Works {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let slots = Arc::new(Semaphore::new(context.settings.slots));
        let in_hand = InHand::default();
        let (gauge, counted) = (context.metrics.works.clone(), Arc::downgrade(&in_hand));
        context.tasks.metrics().before_scrape(move || {
            gauge.set_count(counted.upgrade().map_or(0, |in_hand| lock(&in_hand).len()));
            Box::pin(std::future::ready(()))
        });
        Self { context, slots, tasks: JoinSet::new(), in_hand }
    }

    /// Waits for a free slot, and returns the number of free slots. Only the claim loop takes slots, so that they stay
    /// free.
    pub(super) async fn free_slots(&self) -> usize {
        // The semaphore is never closed; `is_ok` only counts the permit that is held here.
        let first = self.slots.acquire().await;
        // Attempts that were reported together end together: one claim asks for all their slots.
        tokio::task::yield_now().await;
        self.slots.available_permits() + usize::from(first.is_ok())
    }

    /// Returns `true` if no slot is free.
    pub(super) fn are_all_busy(&self) -> bool {
        self.slots.available_permits() == 0
    }

    /// Waits for a free slot, which stays free until the next [`start`](Self::start).
    pub(super) async fn room(&self) {
        // The semaphore is never closed.
        let _ = self.slots.acquire().await;
    }

    /// Starts an attempt, whose lease counts from `claimed_at`. Returns `false` if the lease is invalid or already in progress, or no slot is free.
    pub(super) fn start(&mut self, lease: v1::Lease, claimed_at: Instant) -> bool {
        while let Some(ended) = self.tasks.try_join_next() {
            heed(ended);
        }
        let Some(key) = lease.process_id.parse().ok().map(|id| (id, lease.attempt)).filter(|key| key.1 >= 1) else {
            tracing::warn!(process_id = lease.process_id, attempt = lease.attempt, "ignored a lease without a process");
            return false;
        };
        // A faulty or hostile broker may send more leases than requested; handlers never outnumber slots.
        let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() else {
            tracing::warn!(process_id = %key.0, "ignored a lease beyond those asked for");
            return false;
        };
        let Some(slot) = Slot::take(permit, key, &self.in_hand) else {
            tracing::warn!(process_id = %key.0, attempt = key.1, "ignored a lease that is in progress already");
            return false;
        };
        let context = Arc::clone(&self.context);
        self.tasks.spawn(async move {
            // Read here and not by the claim loop, which must not hash the documents of others before the next claim.
            if let Some(subject) = Subject::of(&lease) {
                attempt::run(&context, &subject, lease, claimed_at).await;
            }
            drop(slot);
        });
        true
    }

    /// Returns the leases of the works in progress.
    pub(super) fn held(&self) -> Vec<v1::HeldLease> {
        let held = lock(&self.in_hand);
        held.iter().map(|(id, attempt)| v1::HeldLease { process_id: id.to_string(), attempt: *attempt }).collect()
    }

    /// Returns the number of works in progress.
    pub(super) fn count(&self) -> usize {
        lock(&self.in_hand).len()
    }

    /// Waits until all works have ended.
    pub(super) async fn finished(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            heed(ended);
        }
    }
}

/// Logs a panic of an attempt, which is a bug of this crate: a handler's panic ends only the handler's own task.
fn heed(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an attempt ended without a report; its lease will expire");
    }
}

/// A slot with its work. Both are released when dropped, also by a panic.
struct Slot {
    key: (Uuid, i32),
    in_hand: InHand,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    fn take(permit: OwnedSemaphorePermit, key: (Uuid, i32), in_hand: &InHand) -> Option<Self> {
        lock(in_hand).insert(key).then(|| Self { key, in_hand: Arc::clone(in_hand), _permit: permit })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.in_hand).remove(&self.key);
    }
}

fn lock(in_hand: &InHand) -> std::sync::MutexGuard<'_, HashSet<(Uuid, i32)>> {
    // Valid after a panic: inserting and removing cannot leave the set half-changed.
    in_hand.lock().unwrap_or_else(PoisonError::into_inner)
}
