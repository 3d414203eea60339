//! Saying what needs somebody's attention, when asked and by itself.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use apiary_identity::Clock;
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::contacts::Contacts;
use super::findings::{Facts, Finding, findings, unattended};
use super::reasons::Candidate;
use super::roster::Licences;
use crate::Error;
use crate::auth::{Permit, action};
use crate::limits::{ATTEND_EVERY_MAX, ATTEND_EVERY_MIN, EXPLAIN_EXECUTORS_MAX, FAILED_PARENTS_TOLD};
use crate::model::{Colony, ColonyKey, ExecutorFilter, Page, ProcessState, WaitingType};
use crate::store::{Store, StoreResult};

impl Engine {
    /// What needs attention in the colony, the worst first.
    pub(crate) async fn get_health(&self, permit: Permit<action::GetHealth>) -> Result<Vec<Finding>, Error> {
        let colony = permit.colony();
        self.contacts.write(&*self.store).await?;
        let counts = self.store.count_states(colony.key).await?;
        let dead_letters = counts.into_iter().find(|(state, _)| *state == ProcessState::DeadLetter);
        let waiting = self.store.waiting_types(Some(colony.key)).await?;
        let waiting: Vec<WaitingType> = waiting.into_iter().map(|(_, waiting)| waiting).collect();
        let listeners = Listeners { store: &*self.store, clock: &*self.clock, contacts: &self.contacts };
        Ok(findings(&Facts {
            notices: &self.tasks.notices().list(),
            waiting: &waiting,
            executors: &listeners.of(colony, None).await?,
            pauses: &self.store.list_pauses(colony.key).await?,
            failed_parents: &self.store.failed_parents(colony.key, FAILED_PARENTS_TOLD).await?,
            dead_letters: dead_letters.map_or(0, |(_, count)| count),
            unattended_after_ms: millis(self.unattended_after),
            now_ms: self.clock.now_ms(),
        }))
    }
}

/// Who is there to take work.
struct Listeners<'l> {
    store: &'l dyn Store,
    clock: &'l dyn Clock,
    contacts: &'l Contacts,
}

impl Listeners<'_> {
    /// The executors of a colony, of one type or of all, with their types.
    async fn of(&self, colony: &Colony, executor_type: Option<&str>) -> StoreResult<Vec<(String, Candidate)>> {
        let filter = ExecutorFilter { executor_type: executor_type.map(str::to_owned), ..ExecutorFilter::default() };
        let page = Page { size: EXPLAIN_EXECUTORS_MAX, after: None };
        let records = self.store.list_executors(colony.key, &filter, page, self.clock.now_ms()).await?;
        let keys = records.iter().map(|record| record.key);
        let licences = Licences::read(self.store, self.clock, colony, keys).await?;
        let candidate = |record| {
            let view = licences.view(record, colony, self.contacts);
            let candidate = Candidate::of(&view, true);
            (view.record.executor_type, candidate)
        };
        Ok(records.into_iter().map(candidate).collect())
    }
}

/// Reports by itself, in the log, when work has waited for long and nobody listens for it, and when somebody does again.
pub(super) struct Attendant {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) contacts: Arc<Contacts>,
    pub(super) unattended_after: Duration,
}

impl Attendant {
    /// Reports until `stop`.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        let every = (self.unattended_after / 2).clamp(ATTEND_EVERY_MIN, ATTEND_EVERY_MAX);
        let mut reported = HashSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            let listeners = Listeners { store: &*self.store, clock: &*self.clock, contacts: &self.contacts };
            match listeners.unattended(self.unattended_after).await {
                Ok(found) => reported = report(found, &reported),
                Err(error) => tracing::debug!(%error, "whether anybody listens could not be told; it is tried again"),
            }
        }
    }
}

impl Listeners<'_> {
    async fn unattended(&self, after: Duration) -> StoreResult<Vec<(Colony, Finding)>> {
        let (now_ms, after_ms) = (self.clock.now_ms(), millis(after));
        let mut found = Vec::new();
        for (colony, waiting) in self.store.waiting_types(None).await? {
            if now_ms.saturating_sub(waiting.since_ms) < after_ms {
                continue;
            }
            let executors = self.of(&colony, Some(&waiting.executor_type)).await?;
            let facts = Facts {
                notices: &[],
                waiting: &[],
                executors: &executors,
                pauses: &[],
                dead_letters: 0,
                failed_parents: &[],
                unattended_after_ms: after_ms,
                now_ms,
            };
            found.extend(unattended(&waiting, &facts).map(|finding| (colony, finding)));
        }
        Ok(found)
    }
}

/// Tells what is new, and what is over.
fn report(found: Vec<(Colony, Finding)>, reported: &HashSet<(ColonyKey, String)>) -> HashSet<(ColonyKey, String)> {
    let mut now = HashSet::with_capacity(found.len());
    for (colony, finding) in found {
        let key = (colony.key, finding.subject.clone());
        if !reported.contains(&key) {
            tracing::warn!(
                colony = colony.name,
                executor_type = finding.subject,
                waiting = finding.count,
                "{}",
                finding.text
            );
        }
        now.insert(key);
    }
    for (_, executor_type) in reported.difference(&now) {
        tracing::info!(executor_type, "its waiting work is taken or gone: somebody listens again, or nothing waits");
    }
    now
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
