//! Health of a colony, on request, and reports about unattended work in the log.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Notice;
use apiary_identity::Clock;
use apiary_store::limits::HEALTH_ROWS_MAX;
use apiary_store::model::{Colony, ColonyKey, ExecutorFilter, Lane, Page, WaitingType};
use apiary_store::{Store, StoreResult};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::colonies::findings::{Facts, Finding, NEWS_MS, findings, unattended, unserved};
use crate::engine::colonies::grant_ends::{ending, grants_not_over};
use crate::engine::colonies::retention_lag::lagging;
use crate::engine::explain::Candidate;
use crate::engine::presence::last_seen::LastSeenTable;
use crate::engine::presence::roster::{ExecutorGrants, ExecutorView};
use crate::limits::{
    ATTEND_EVERY_MAX, ATTEND_EVERY_MIN, ATTENTION_COLONIES_MAX, ATTENTION_TIME_MAX, EXPLAIN_EXECUTORS_MAX,
    HEALTH_TYPES_MAX,
};

impl Engine {
    /// Returns the conditions that need attention in the colony, the worst first, and what waits.
    pub(crate) async fn get_health(&self, permit: Permit<action::GetHealth>) -> Result<Health, Error> {
        Ok(self.health_of(permit.colony()).await?.1)
    }

    /// Returns the same for a colony, and whether the broker is ready for work.
    pub(in crate::engine) async fn health_of(&self, colony: &Colony) -> Result<(bool, Health), Error> {
        let unready = match self.unready_to_write().await {
            // The one write of this verb: if it fails, the answer says so, and still lists the rest.
            None => self.contacts.write(&*self.store).await.err().map(|error| error.to_string()),
            unready => unready,
        };
        let notices = self.tasks.notices().list();
        Ok((unready.is_none(), self.findings_of(colony, unready.as_deref(), &notices).await?))
    }

    /// Returns the conditions of the broker itself, and those of its colonies, each with the colony's name. For whoever runs the broker:
    /// no caller gets this.
    pub(crate) async fn attention(&self, with_colonies: bool) -> Attention {
        let unready = self.unready_to_write().await;
        let is_well = unready.is_none();
        let own = findings(Facts::of_broker(unready.as_deref(), &self.tasks.notices().list()));
        let mut found: Vec<(String, Finding)> = own.into_iter().map(|finding| (String::new(), finding)).collect();
        let mut is_complete = true;
        if with_colonies {
            // A database that hangs must not keep the broker's own findings from being reported.
            match tokio::time::timeout(ATTENTION_TIME_MAX, self.findings_of_all()).await {
                Ok(Ok(of_colonies)) => found.extend(of_colonies),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "cannot read the health of the colonies; trying again");
                    is_complete = false;
                }
                Err(_) => {
                    tracing::debug!("the health of the colonies was not read in time; trying again");
                    is_complete = false;
                }
            }
        }
        Attention { is_well, is_complete, found }
    }

    async fn findings_of_all(&self) -> StoreResult<Vec<(String, Finding)>> {
        let mut found = Vec::new();
        for colony in self.store.list_colonies(ATTENTION_COLONIES_MAX).await? {
            let Health { findings, .. } = self.findings_of(&colony, None, &[]).await?;
            found.extend(findings.into_iter().map(|finding| (colony.name.clone(), finding)));
        }
        Ok(found)
    }

    async fn findings_of(&self, colony: &Colony, unready: Option<&str>, notices: &[Notice]) -> StoreResult<Health> {
        let now_ms = self.clock.now_ms();
        let waiting = self.store.waiting_types(Some(colony.key)).await?;
        let waiting: Vec<WaitingType> = waiting.into_iter().map(|(_, waiting)| waiting).collect();
        let listeners = Listeners { store: &*self.store, clock: &*self.clock, contacts: &self.contacts };
        let crowd = listeners.of(colony, None).await?;
        let findings = findings(Facts {
            unready,
            notices,
            waiting: &waiting,
            executors: &crowd.all(),
            pauses: &self.store.list_pauses(colony.key).await?,
            troubles: &self.store.troubles(colony.key, now_ms.saturating_sub(NEWS_MS)).await?,
            unserved: self.unserved(colony, &waiting, &crowd, now_ms).await?,
            lagging: lagging(&*self.store, &self.retention, colony.key, now_ms).await?,
            ending: ending(&grants_not_over(&*self.store, colony, now_ms).await?, now_ms),
            unattended_after_ms: millis(self.unattended_after),
            now_ms,
        });
        Ok(Health { findings, waiting })
    }

    /// Returns findings about work that waits although its type has executors, because none of them can take it.
    async fn unserved(
        &self,
        colony: &Colony,
        waiting: &[WaitingType],
        crowd: &ColonyExecutors,
        now_ms: i64,
    ) -> StoreResult<Vec<Finding>> {
        let after_ms = millis(self.unattended_after);
        let is_old = |waiting: &&WaitingType| now_ms.saturating_sub(waiting.since_ms) >= after_ms;
        let mut found = Vec::new();
        // A type without executors has another finding.
        let has_executors = |waiting: &&WaitingType| !crowd.candidates(&waiting.executor_type, "").is_empty();
        let old = waiting.iter().filter(is_old).filter(has_executors).take(HEALTH_TYPES_MAX);
        let old: Vec<&WaitingType> = old.collect();
        let rows = HEALTH_ROWS_MAX / i64::try_from(old.len()).unwrap_or(i64::MAX).max(1);
        for WaitingType { executor_type, .. } in old {
            let lane = Lane { colony: colony.key, executor_type: executor_type.clone() };
            let sorts = self.store.waiting_sorts(&lane, rows).await?;
            let candidates = |function: &str| crowd.candidates(executor_type, function);
            found.extend(unserved(executor_type, &sorts, candidates, after_ms, now_ms));
        }
        Ok(found)
    }
}

/// The findings about a colony, and its waiting work.
pub(crate) struct Health {
    /// The conditions, the worst first.
    pub(crate) findings: Vec<Finding>,
    /// The waiting work by executor type, the longest wait first.
    pub(crate) waiting: Vec<WaitingType>,
}

/// The findings about the whole broker.
pub(crate) struct Attention {
    /// True if the broker takes and hands out work.
    pub(crate) is_well: bool,
    /// True if all colonies could be read.
    pub(crate) is_complete: bool,
    /// The findings, each with the name of its colony; empty for the broker's own.
    pub(crate) found: Vec<(String, Finding)>,
}

/// Executors of a colony, with their grants.
struct ColonyExecutors {
    views: Vec<ExecutorView>,
    licences: ExecutorGrants,
}

impl ColonyExecutors {
    /// Returns all of them, with their types; `covers_function` does not matter.
    fn all(&self) -> Vec<(String, Candidate)> {
        self.views.iter().map(|view| (view.record.executor_type.clone(), Candidate::of(view, true))).collect()
    }

    /// Returns the executors of a type, and those with a grant for it that have not registered, as candidates for a function.
    fn candidates(&self, executor_type: &str, function: &str) -> Vec<Candidate> {
        let is_of_type = |view: &&ExecutorView| match view.record.executor_type.as_str() {
            "" => self.licences.covers_type(&view.record.key, executor_type),
            said => said == executor_type,
        };
        let covers = |view: &ExecutorView| self.licences.covers(&view.record.key, executor_type, function);
        self.views.iter().filter(is_of_type).map(|view| Candidate::of(view, covers(view))).collect()
    }
}

/// The lookup of executors that can take work.
struct Listeners<'l> {
    store: &'l dyn Store,
    clock: &'l dyn Clock,
    contacts: &'l LastSeenTable,
}

impl Listeners<'_> {
    /// Returns the executors of a colony, of one type or of all.
    async fn of(&self, colony: &Colony, executor_type: Option<&str>) -> StoreResult<ColonyExecutors> {
        let filter = ExecutorFilter { executor_type: executor_type.map(str::to_owned), ..ExecutorFilter::default() };
        let page = Page { size: EXPLAIN_EXECUTORS_MAX, after: None };
        let records = self.store.list_executors(colony.key, &filter, page, self.clock.now_ms()).await?;
        let keys = records.iter().map(|record| record.key);
        let licences = ExecutorGrants::read(self.store, self.clock, colony, keys).await?;
        let views = records.into_iter().map(|record| licences.view(record, colony, self.contacts)).collect();
        Ok(ColonyExecutors { views, licences })
    }
}

/// The reporter of unattended work: it logs when work has waited for long without a listening executor, and when that ends.
pub(in crate::engine) struct Attendant {
    pub(in crate::engine) store: Arc<dyn Store>,
    pub(in crate::engine) clock: Arc<dyn Clock>,
    pub(in crate::engine) contacts: Arc<LastSeenTable>,
    pub(in crate::engine) unattended_after: Duration,
}

impl Attendant {
    /// Reports until `stop`.
    pub(in crate::engine) async fn run(&self, stop: &CancellationToken) {
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
                Err(error) => tracing::debug!(%error, "cannot check whether an executor listens; trying again"),
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
            let executors = self.of(&colony, Some(&waiting.executor_type)).await?.all();
            found.extend(unattended(&waiting, &executors, after_ms, now_ms).map(|finding| (colony, finding)));
        }
        Ok(found)
    }
}

/// Logs findings that are new, and findings that are over; returns the current ones.
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
        tracing::info!(executor_type, "unattended work resolved: an executor listens again, or nothing waits");
    }
    now
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
