//! Last-seen times of executors, in memory, flushed to the database periodically. An executor that polls is heard all the time,
//! and costs one row in a statement twice a minute.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_identity::{Clock, Id, Offer};
use apiary_store::model::{ColonyKey, ExpiryBounds, LastSeen};
use apiary_store::{Store, StoreResult};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::engine::passes::sweep;
use crate::engine::presence::state::PresenceTimes;
use crate::limits::{
    COMMIT_BATCH_MAX, CONTACT_KEYS_MAX, CONTACT_REWRITE_MS, CONTACT_TICK, EXECUTOR_FORGET_AFTER_MS,
    EXECUTOR_FORGET_EVERY, EXECUTOR_TYPES_PER_KEY_MAX, NOTIFY_GATHER, PENDING_FORGET_AFTER_MS, SWEEP_ROWS,
};

/// Last-seen times of the executors at this broker.
pub(crate) struct LastSeenTable {
    clock: Arc<dyn Clock>,
    times: PresenceTimes,
    heard: Mutex<HashMap<(ColonyKey, Id), HashMap<String, LastSeenEntry>>>,
    /// Notified when an executor is heard for the first time, or offers something else.
    news: Notify,
    /// The throttle of log lines about failed flushes.
    lines: Throttle,
}

/// The last-seen record of one key and executor type.
struct LastSeenEntry {
    name: String,
    last_heard_ms: i64,
    offer: Option<Offer>,
    /// The number of its waiting polls.
    polls: usize,
    /// The last-seen time of the last flush.
    written_ms: Option<i64>,
}

/// A claim in progress: its executor counts as heard as long as it waits.
pub(crate) struct PollPresence {
    contacts: Arc<LastSeenTable>,
    executor: (ColonyKey, Id),
    executor_type: String,
}

impl LastSeenTable {
    /// Returns an empty record.
    pub(crate) fn new(clock: Arc<dyn Clock>, times: PresenceTimes) -> Self {
        let lines = Throttle::new(clock.clone());
        Self { clock, times, heard: Mutex::default(), news: Notify::new(), lines }
    }

    /// Returns the times that states are derived by.
    pub(crate) fn times(&self) -> PresenceTimes {
        self.times
    }

    /// Notes that an executor claims; it counts as heard until the answer is dropped.
    pub(crate) fn listen(
        self: &Arc<Self>,
        executor: (ColonyKey, Id),
        executor_type: &str,
        name: &str,
        offer: &Offer,
    ) -> PollPresence {
        let now_ms = self.clock.now_ms();
        let mut heard = self.heard();
        // Beyond the bounds executors work as ever, but are shown with the time of their registration.
        if heard.len() < CONTACT_KEYS_MAX || heard.contains_key(&executor) {
            let types = heard.entry(executor).or_default();
            let has_room = types.len() < EXECUTOR_TYPES_PER_KEY_MAX;
            let is_news = match types.entry(executor_type.to_owned()) {
                Entry::Occupied(mut known) => known.get_mut().again(now_ms, name, offer),
                Entry::Vacant(place) if has_room => {
                    place.insert(LastSeenEntry::first(now_ms, name, offer));
                    true
                }
                Entry::Vacant(_) => false,
            };
            if is_news {
                self.news.notify_one();
            }
        }
        drop(heard);
        PollPresence { contacts: self.clone(), executor, executor_type: executor_type.to_owned() }
    }

    /// Notes a call of an executor that claimed here before.
    pub(crate) fn touch(&self, executor: (ColonyKey, Id)) {
        // An unknown key is not added: only a claim says which type it is, and what it offers.
        let now_ms = self.clock.now_ms();
        if let Some(types) = self.heard().get_mut(&executor) {
            types.values_mut().for_each(|one| one.last_heard_ms = now_ms);
        }
    }

    /// Returns the last-seen time of an executor at this broker, and its offer.
    pub(crate) fn last(&self, executor: (ColonyKey, Id), executor_type: &str) -> Option<(i64, Option<Offer>)> {
        let heard = self.heard();
        let one = heard.get(&executor)?.get(executor_type)?;
        Some((one.heard_at(self.clock.now_ms()), one.offer.clone()))
    }

    /// Flushes new last-seen times until `stop`; deletes, from time to time, executors that were not heard for long.
    pub(crate) async fn run(&self, store: &dyn Store, stop: &CancellationToken) {
        let mut forget = tokio::time::interval(EXECUTOR_FORGET_EVERY);
        forget.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                // Thousands of executors may connect at once after a restart: a short wait writes them together.
                () = self.news.notified() => tokio::time::sleep(NOTIFY_GATHER).await,
                () = tokio::time::sleep(self.tick()) => {}
                _ = forget.tick() => self.forget(store).await,
            }
            if let Err(error) = sweep("last_seen", self.write(store)).await {
                let error = error.to_string();
                if let Some(held_back) = self.lines.pass(&error) {
                    tracing::warn!(error, held_back, "last-seen times not stored; trying again");
                }
            }
        }
    }

    /// Flushes what is due. A new executor is always due, so that the database knows everyone who was heard here.
    pub(in crate::engine) async fn write(&self, store: &dyn Store) -> StoreResult<()> {
        loop {
            let due = self.due();
            if due.is_empty() {
                return Ok(());
            }
            store.record_last_seen(&due).await?;
            self.written(&due);
        }
    }

    async fn forget(&self, store: &dyn Store) {
        let now_ms = self.clock.now_ms();
        let which = ExpiryBounds {
            before_ms: now_ms.saturating_sub(EXECUTOR_FORGET_AFTER_MS),
            pending_before_ms: now_ms.saturating_sub(PENDING_FORGET_AFTER_MS),
        };
        // Deletes in steps, so that no statement holds its locks for long.
        loop {
            match store.forget_executors(which, SWEEP_ROWS).await {
                Ok(0) => return,
                Ok(forgotten) => tracing::info!(forgotten, "executors not seen for long"),
                Err(error) => {
                    tracing::warn!(%error, "executors not seen for long are forgotten later");
                    return;
                }
            }
        }
    }

    /// Returns a batch to flush; drops executors from memory that were not heard for long.
    fn due(&self) -> Vec<LastSeen> {
        let (now_ms, rewrite_ms) = (self.clock.now_ms(), self.rewrite_ms());
        let mut heard = self.heard();
        heard.retain(|_, types| {
            types.retain(|_, one| !one.is_over(now_ms, self.times));
            !types.is_empty()
        });
        let all = heard.iter().flat_map(|(executor, types)| types.iter().map(move |(kind, one)| (executor, kind, one)));
        let due = all.filter_map(|((colony, key), executor_type, one)| {
            let last_heard_ms = one.heard_at(now_ms);
            let is_due = one.written_ms.is_none_or(|written_ms| last_heard_ms.saturating_sub(written_ms) >= rewrite_ms);
            is_due.then(|| LastSeen {
                colony: *colony,
                key: *key,
                executor_type: executor_type.clone(),
                name: one.name.clone(),
                last_heard_ms,
                offer: one.offer.clone(),
            })
        });
        due.take(COMMIT_BATCH_MAX).collect()
    }

    fn written(&self, contacts: &[LastSeen]) {
        let mut heard = self.heard();
        for contact in contacts {
            let types = heard.get_mut(&(contact.colony, contact.key));
            let one = types.and_then(|types| types.get_mut(&contact.executor_type));
            // A change since the batch was made is still to be written.
            if let Some(one) = one.filter(|one| one.offer == contact.offer) {
                one.written_ms = Some(contact.last_heard_ms);
            }
        }
    }

    /// Returns the interval of flushes: at most half of `silent_after`, so that other brokers do not take the executor for silent.
    fn rewrite_ms(&self) -> i64 {
        CONTACT_REWRITE_MS.min(self.times.silent_after_ms / 2)
    }

    fn tick(&self) -> Duration {
        CONTACT_TICK.min(Duration::from_millis(self.rewrite_ms().unsigned_abs() / 2)).max(NOTIFY_GATHER)
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<(ColonyKey, Id), HashMap<String, LastSeenEntry>>> {
        // It is only ever changed in steps that cannot panic half-way.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LastSeenEntry {
    fn first(now_ms: i64, name: &str, offer: &Offer) -> Self {
        Self { name: name.to_owned(), last_heard_ms: now_ms, offer: Some(offer.clone()), polls: 1, written_ms: None }
    }

    /// Notes another claim; returns true if its name or offer changed.
    fn again(&mut self, now_ms: i64, name: &str, offer: &Offer) -> bool {
        self.last_heard_ms = now_ms;
        self.polls += 1;
        if self.name == name && self.offer.as_ref() == Some(offer) {
            return false;
        }
        // Due at once: the change must reach the database at the next flush, not only after the interval.
        (self.name, self.offer, self.written_ms) = (name.to_owned(), Some(offer.clone()), None);
        true
    }

    fn heard_at(&self, now_ms: i64) -> i64 {
        // A waiting poll is a sign of life by itself: nothing has to update the time while it waits.
        if self.polls > 0 { now_ms } else { self.last_heard_ms }
    }

    fn is_over(&self, now_ms: i64, times: PresenceTimes) -> bool {
        // A record that was never flushed stays, or the database would never know of the executor.
        let written = self.written_ms.is_some();
        written && now_ms.saturating_sub(self.heard_at(now_ms)) > times.gone_after_ms.saturating_mul(2)
    }
}

impl Drop for PollPresence {
    fn drop(&mut self) {
        let now_ms = self.contacts.clock.now_ms();
        let mut heard = self.contacts.heard();
        let types = heard.get_mut(&self.executor);
        if let Some(one) = types.and_then(|types| types.get_mut(&self.executor_type)) {
            one.last_heard_ms = now_ms;
            one.polls = one.polls.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_identity::{KeyPair, ManualClock};
    use jiff::Timestamp;

    use super::*;

    const TIMES: PresenceTimes = PresenceTimes { silent_after_ms: 60_000, gone_after_ms: 120_000 };

    fn scene() -> (Arc<ManualClock>, Arc<LastSeenTable>, (ColonyKey, Id)) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let contacts = Arc::new(LastSeenTable::new(clock.clone(), TIMES));
        (clock, contacts, (ColonyKey(1), KeyPair::generate().id()))
    }

    fn later(clock: &ManualClock, seconds: u64) {
        clock.advance(Duration::from_secs(seconds));
    }

    #[test]
    fn who_waits_is_heard_all_the_time_and_written_twice_a_minute() {
        let (clock, contacts, bee) = scene();
        let poll = contacts.listen(bee, "t", "bee", &Offer::default());
        let mut written = Vec::new();
        for _ in 0..12 {
            let due = contacts.due();
            contacts.written(&due);
            written.extend(due.into_iter().map(|contact| contact.last_heard_ms / 1000));
            later(&clock, 5);
        }
        assert_eq!(written, [0, 30]);
        assert_eq!(contacts.last(bee, "t").unwrap().0, 60_000);
        drop(poll);
        later(&clock, 100);
        assert_eq!(contacts.last(bee, "t").unwrap().0, 60_000);
    }

    #[test]
    fn another_offer_is_written_at_once() {
        let (_, contacts, bee) = scene();
        drop(contacts.listen(bee, "t", "bee", &Offer::default()));
        contacts.written(&contacts.due());
        drop(contacts.listen(bee, "t", "bee", &Offer::default()));
        assert!(contacts.due().is_empty());
        let offer = Offer { location: Some("attic".into()), ..Offer::default() };
        drop(contacts.listen(bee, "t", "bee", &offer));
        assert_eq!(contacts.due()[0].offer, Some(offer));
    }

    #[test]
    fn one_key_cannot_fill_the_memory_with_types() {
        let (_, contacts, bee) = scene();
        for number in 0..2 * EXECUTOR_TYPES_PER_KEY_MAX {
            drop(contacts.listen(bee, &number.to_string(), "bee", &Offer::default()));
        }
        assert_eq!(contacts.due().len(), EXECUTOR_TYPES_PER_KEY_MAX);
    }

    #[test]
    fn who_was_not_heard_for_long_leaves_the_memory() {
        let (clock, contacts, bee) = scene();
        drop(contacts.listen(bee, "t", "bee", &Offer::default()));
        contacts.written(&contacts.due());
        later(&clock, 241);
        assert!(contacts.due().is_empty());
        assert!(contacts.last(bee, "t").is_none());
    }

    #[test]
    fn short_settings_are_written_soon_enough_for_the_other_brokers() {
        let times = PresenceTimes { silent_after_ms: 400, gone_after_ms: 800 };
        let contacts = LastSeenTable::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)), times);
        assert!(contacts.rewrite_ms() <= 200 && contacts.tick() <= Duration::from_millis(100));
    }
}
