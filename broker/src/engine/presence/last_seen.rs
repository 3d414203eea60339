//! When executors were heard, in memory, and written down now and then. One who waits for work is heard all the time, and costs
//! a row in a statement twice a minute.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_identity::{Clock, Id, Offer};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::engine::presence::state::PresenceTimes;
use crate::limits::{
    COMMIT_BATCH_MAX, CONTACT_KEYS_MAX, CONTACT_REWRITE_MS, CONTACT_TICK, EXECUTOR_FORGET_AFTER_MS,
    EXECUTOR_FORGET_EVERY, EXECUTOR_TYPES_PER_KEY_MAX, NOTIFY_GATHER, PENDING_FORGET_AFTER_MS, SWEEP_ROWS,
};
use crate::model::{ColonyKey, Contact, Forgettable};
use crate::store::{Store, StoreResult};

/// Executors heard at this broker.
pub(crate) struct Contacts {
    clock: Arc<dyn Clock>,
    times: PresenceTimes,
    heard: Mutex<HashMap<(ColonyKey, Id), HashMap<String, Heard>>>,
    /// Somebody was heard for the first time, or offers something else.
    news: Notify,
    /// Of log lines about what could not be written down.
    lines: Throttle,
}

/// What is known of one key and executor type.
struct Heard {
    name: String,
    last_heard_ms: i64,
    offer: Option<Offer>,
    /// Claims of it that wait right now.
    polls: usize,
    /// As of when it was written down.
    written_ms: Option<i64>,
}

/// A claim in progress: its executor is heard as long as it waits.
pub(crate) struct Listening {
    contacts: Arc<Contacts>,
    executor: (ColonyKey, Id),
    executor_type: String,
}

impl Contacts {
    /// Nobody heard yet.
    pub(crate) fn new(clock: Arc<dyn Clock>, times: PresenceTimes) -> Self {
        let lines = Throttle::new(clock.clone());
        Self { clock, times, heard: Mutex::default(), news: Notify::new(), lines }
    }

    /// The bounds that states are derived by.
    pub(crate) fn times(&self) -> PresenceTimes {
        self.times
    }

    /// An executor claims, and is heard until the answer is dropped.
    pub(crate) fn listen(
        self: &Arc<Self>,
        executor: (ColonyKey, Id),
        executor_type: &str,
        name: &str,
        offer: &Offer,
    ) -> Listening {
        let now_ms = self.clock.now_ms();
        let mut heard = self.heard();
        // Beyond the bounds executors work as ever, and are shown as of when they registered.
        if heard.len() < CONTACT_KEYS_MAX || heard.contains_key(&executor) {
            let types = heard.entry(executor).or_default();
            let has_room = types.len() < EXECUTOR_TYPES_PER_KEY_MAX;
            let is_news = match types.entry(executor_type.to_owned()) {
                Entry::Occupied(mut known) => known.get_mut().again(now_ms, name, offer),
                Entry::Vacant(place) if has_room => {
                    place.insert(Heard::first(now_ms, name, offer));
                    true
                }
                Entry::Vacant(_) => false,
            };
            if is_news {
                self.news.notify_one();
            }
        }
        drop(heard);
        Listening { contacts: self.clone(), executor, executor_type: executor_type.to_owned() }
    }

    /// An executor that claimed here before said something.
    pub(crate) fn touch(&self, executor: (ColonyKey, Id)) {
        let now_ms = self.clock.now_ms();
        if let Some(types) = self.heard().get_mut(&executor) {
            types.values_mut().for_each(|one| one.last_heard_ms = now_ms);
        }
    }

    /// When an executor was heard here, and what it offered.
    pub(crate) fn last(&self, executor: (ColonyKey, Id), executor_type: &str) -> Option<(i64, Option<Offer>)> {
        let heard = self.heard();
        let one = heard.get(&executor)?.get(executor_type)?;
        Some((one.heard_at(self.clock.now_ms()), one.offer.clone()))
    }

    /// Writes down what is new, until `stop`; and forgets, now and then, who was not heard for long.
    pub(crate) async fn run(&self, store: &dyn Store, stop: &CancellationToken) {
        let mut forget = tokio::time::interval(EXECUTOR_FORGET_EVERY);
        forget.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.news.notified() => tokio::time::sleep(NOTIFY_GATHER).await,
                () = tokio::time::sleep(self.tick()) => {}
                _ = forget.tick() => self.forget(store).await,
            }
            if let Err(error) = self.write(store).await {
                let error = error.to_string();
                if let Some(held_back) = self.lines.pass(&error) {
                    tracing::warn!(
                        error,
                        held_back,
                        "when executors were heard was not written down; it is tried again"
                    );
                }
            }
        }
    }

    /// Writes down what is due: who was never written down is, so that the database knows everybody who was heard here.
    pub(in crate::engine) async fn write(&self, store: &dyn Store) -> StoreResult<()> {
        loop {
            let due = self.due();
            if due.is_empty() {
                return Ok(());
            }
            store.hear_executors(&due).await?;
            self.written(&due);
        }
    }

    async fn forget(&self, store: &dyn Store) {
        let now_ms = self.clock.now_ms();
        let which = Forgettable {
            before_ms: now_ms.saturating_sub(EXECUTOR_FORGET_AFTER_MS),
            pending_before_ms: now_ms.saturating_sub(PENDING_FORGET_AFTER_MS),
        };
        loop {
            match store.forget_executors(which, SWEEP_ROWS).await {
                Ok(0) => return,
                Ok(forgotten) => tracing::info!(forgotten, "executors that were not heard for long"),
                Err(error) => {
                    tracing::warn!(%error, "executors that were not heard for long are forgotten later");
                    return;
                }
            }
        }
    }

    /// A batch of what is to be written; drops from memory who was not heard for long.
    fn due(&self) -> Vec<Contact> {
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
            is_due.then(|| Contact {
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

    fn written(&self, contacts: &[Contact]) {
        let mut heard = self.heard();
        for contact in contacts {
            let types = heard.get_mut(&(contact.colony, contact.key));
            let one = types.and_then(|types| types.get_mut(&contact.executor_type));
            // What changed meanwhile is still to be written.
            if let Some(one) = one.filter(|one| one.offer == contact.offer) {
                one.written_ms = Some(contact.last_heard_ms);
            }
        }
    }

    /// Another broker must not take for silent who is heard here.
    fn rewrite_ms(&self) -> i64 {
        CONTACT_REWRITE_MS.min(self.times.silent_after_ms / 2)
    }

    fn tick(&self) -> Duration {
        CONTACT_TICK.min(Duration::from_millis(self.rewrite_ms().unsigned_abs() / 2)).max(NOTIFY_GATHER)
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<(ColonyKey, Id), HashMap<String, Heard>>> {
        // It is only ever changed in steps that cannot panic half-way.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn first(now_ms: i64, name: &str, offer: &Offer) -> Self {
        Self { name: name.to_owned(), last_heard_ms: now_ms, offer: Some(offer.clone()), polls: 1, written_ms: None }
    }

    /// Heard again; true if it says something else than before.
    fn again(&mut self, now_ms: i64, name: &str, offer: &Offer) -> bool {
        self.last_heard_ms = now_ms;
        self.polls += 1;
        if self.name == name && self.offer.as_ref() == Some(offer) {
            return false;
        }
        (self.name, self.offer, self.written_ms) = (name.to_owned(), Some(offer.clone()), None);
        true
    }

    fn heard_at(&self, now_ms: i64) -> i64 {
        if self.polls > 0 { now_ms } else { self.last_heard_ms }
    }

    fn is_over(&self, now_ms: i64, times: PresenceTimes) -> bool {
        let written = self.written_ms.is_some();
        written && now_ms.saturating_sub(self.heard_at(now_ms)) > times.gone_after_ms.saturating_mul(2)
    }
}

impl Drop for Listening {
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

    fn scene() -> (Arc<ManualClock>, Arc<Contacts>, (ColonyKey, Id)) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let contacts = Arc::new(Contacts::new(clock.clone(), TIMES));
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
        let contacts = Contacts::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)), times);
        assert!(contacts.rewrite_ms() <= 200 && contacts.tick() <= Duration::from_millis(100));
    }
}
