//! Writing the refusals that were gathered, and deleting events past their bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use apiary_protocol::EventKind;
use apiary_store::model::{Colony, ColonyKey, EventBounds, EventCounts, NewEvent};
use apiary_store::{Store, StoreError, StoreResult};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::engine::passes::sweep;
use crate::grant_cache::GrantCache;
use crate::limits::{
    EVENT_ADDRESSES_MAX, EVENT_CHANGES_MAX, EVENT_NEWCOMERS_MAX, EVENT_OWNED_MAX, EVENT_REFUSALS_MAX, EVENT_ROWS_MAX,
    EVENTS_SWEEP_INTERVAL, REFUSALS_TICK,
};
use crate::refusals::{DueEvent, Refusals};

/// The most events of each class that a colony keeps.
const EVENTS_MAX: EventCounts =
    EventCounts([EVENT_CHANGES_MAX, EVENT_REFUSALS_MAX, EVENT_OWNED_MAX, EVENT_NEWCOMERS_MAX, EVENT_ADDRESSES_MAX]);

/// The writer of gathered refusals.
pub(crate) struct RefusalWriter {
    store: Arc<dyn Store>,
    grants: Arc<GrantCache>,
    clock: Arc<dyn Clock>,
    refusals: Arc<Refusals>,
    lines: Throttle,
    /// Events that were taken, and whose colony is not looked up yet.
    taken: Vec<DueEvent>,
    /// Events that are not written yet. While there are some, no others are taken: they are gathered on.
    unwritten: BTreeMap<ColonyKey, Vec<NewEvent>>,
}

impl RefusalWriter {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        grants: Arc<GrantCache>,
        clock: Arc<dyn Clock>,
        refusals: Arc<Refusals>,
        lines: Throttle,
    ) -> Self {
        Self { store, grants, clock, refusals, lines, taken: Vec::new(), unwritten: BTreeMap::new() }
    }

    /// Writes what is due every second, until `stop`, or until nobody is left who notes any; and then all that was noted.
    pub(crate) async fn run(&mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() && Arc::strong_count(&self.refusals) > 1 {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(REFUSALS_TICK) => {}
            }
            let (due, dropped) = if self.is_idle() { self.refusals.take() } else { (Vec::new(), 0) };
            self.pass(due, dropped).await;
        }
        let (due, dropped) = self.refusals.take_all();
        self.pass(due, dropped).await;
        let lost = self.taken.len() + self.unwritten.values().map(Vec::len).sum::<usize>();
        if lost > 0 {
            tracing::warn!(lost, "the broker stops, and these refusals are not in the colonies' events");
        }
    }

    fn is_idle(&self) -> bool {
        self.taken.is_empty() && self.unwritten.is_empty()
    }

    /// Writes these events, and those that wait.
    async fn pass(&mut self, due: Vec<DueEvent>, dropped: u64) {
        if dropped > 0
            && let Some(held_back) = self.lines.pass("refusals dropped")
        {
            tracing::warn!(dropped, held_back, "more refusals than there is room for; they are not in the events");
        }
        self.taken.extend(due);
        if !self.is_idle()
            && let Err(error) = sweep("refusals", self.write()).await
        {
            warn(&self.lines, &error, "refusals not written to the colonies' events; trying again");
        }
    }

    /// Writes the events of known colonies, and logs the others: nobody could read them. An error is one that passes; any other, of a
    /// damaged row, must not keep the refusals of all colonies from being written.
    async fn write(&mut self) -> StoreResult<()> {
        while let Some(due) = self.taken.last() {
            match self.colony(due).await? {
                Some(colony) => {
                    let event = match self.complete(&colony, due.event.clone()).await {
                        Err(error) if !passes(&error) => {
                            let words = "the name of a refused key is not known; its refusals are told without it";
                            warn(&self.lines, &error, words);
                            due.event.clone()
                        }
                        completed => completed?,
                    };
                    self.unwritten.entry(colony.key).or_default().push(event);
                }
                None => self.log(&due.event),
            }
            self.taken.pop();
        }
        while let Some((colony, events)) = self.unwritten.first_key_value() {
            let colony = *colony;
            match self.store.add_events(colony, events).await {
                Err(error) if !passes(&error) => {
                    let words = "the database does not take refusals of a colony; they are not in its events";
                    warn(&self.lines, &error, words);
                }
                written => written?,
            }
            self.unwritten.remove(&colony);
        }
        Ok(())
    }

    /// Returns the colony that a call named, if it is a colony of this broker.
    async fn colony(&self, due: &DueEvent) -> StoreResult<Option<Colony>> {
        let Some(id) = &due.colony else { return Ok(None) };
        match self.grants.colony(id).await {
            Ok(colony) => Ok(Some(colony)),
            // The database is away: it is tried again.
            Err(Error::Unavailable(words)) => Err(StoreError::Unavailable(words)),
            // The broker has no such colony, or cannot read it.
            Err(_) => Ok(None),
        }
    }

    /// Finds out why a key was not permitted, and its name.
    async fn complete(&self, colony: &Colony, mut event: NewEvent) -> StoreResult<NewEvent> {
        let Some(key) = event.key.filter(|_| event.is_proven && event.name.is_empty()) else { return Ok(event) };
        if key == colony.id {
            event.name = "colony".to_owned();
            return Ok(event);
        }
        let grants = self.store.grants_of_key(colony, &key).await?;
        if let Some(grant) = grants.last() {
            event.name.clone_from(&grant.grant.name);
        }
        if event.kind == EventKind::RefusedScope {
            let now = self.clock.now();
            let mut living = grants.iter().filter(|grant| grant.revoked_from_ms.is_none());
            event.kind = match (grants.is_empty(), living.clone().next().is_none()) {
                (true, _) => EventKind::RefusedUnknownKey,
                (_, true) => EventKind::RefusedRevoked,
                _ if !living.any(|grant| grant.grant.is_valid_at(now)) => EventKind::RefusedExpired,
                _ => EventKind::RefusedScope,
            };
        }
        Ok(event)
    }

    fn log(&self, event: &NewEvent) {
        let kind = event.kind.as_str();
        if let Some(held_back) = self.lines.pass(&format!("{kind} of no colony")) {
            let (method, reason, address, count) = (&event.method, &event.reason, &event.address, event.count);
            tracing::warn!(
                kind,
                method,
                reason,
                address,
                count,
                held_back,
                "refused calls name no colony of this broker"
            );
        }
    }
}

pub(super) fn warn(lines: &Throttle, error: &StoreError, words: &str) {
    let error = error.to_string();
    if let Some(held_back) = lines.pass(&format!("events {error}")) {
        tracing::warn!(error, held_back, "{words}");
    }
}

/// Returns true for an error that may be over when the same is tried again.
pub(super) fn passes(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_) | StoreError::Trouble(_))
}

/// Deletes events past their bounds, until `stop`; `kept_ms` is the time for which they are kept, if there is one.
pub(crate) async fn forget_events(
    store: &dyn Store,
    clock: &dyn Clock,
    kept_ms: Option<i64>,
    lines: &Throttle,
    stop: &CancellationToken,
) {
    loop {
        let bounds = EventBounds {
            most: EVENTS_MAX,
            before_ms: kept_ms.map_or(i64::MIN, |kept_ms| clock.now_ms().saturating_sub(kept_ms)),
            rows_max: EVENT_ROWS_MAX,
        };
        let is_more = match sweep("events", store.forget_events(&bounds)).await {
            Ok(deleted) => i64::try_from(deleted).is_ok_and(|deleted| deleted >= EVENT_ROWS_MAX),
            Err(error) => {
                warn(lines, &error, "events past their bounds not deleted; trying again");
                false
            }
        };
        let pause = if is_more { REFUSALS_TICK } else { EVENTS_SWEEP_INTERVAL };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
