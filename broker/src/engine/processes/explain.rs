//! Explanations of why a process is not running.

use apiary_store::model::{Colony, ExecutorFilter, ExplainReason, Page, ProcessState, ProcessSummary};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::explain::{self, Candidate, Facts};
use crate::engine::presence::roster::{ExecutorGrants, ExecutorView};
use crate::engine::presence::state::Presence;
use crate::engine::processes::operations::no_process;
use crate::limits::{EXPLAIN_EXECUTORS_MAX, EXPLAIN_RUNS_WINDOW_MS};

/// The reasons for a process's state.
pub(crate) struct Explanation {
    /// The process.
    pub(crate) process: ProcessSummary,
    /// Every reason, the most important first.
    pub(crate) reasons: Vec<ExplainReason>,
    /// The position in the queue, from 1, if it waits.
    pub(crate) queue_position: Option<i64>,
    /// True if the position, and with it the estimated wait, is the least that they can be: not all before it are counted.
    pub(crate) is_least: bool,
    /// The estimated wait, from the duration of its type's work in the last hour, if it only waits for its turn.
    pub(crate) estimated_wait_ms: Option<i64>,
}

impl Engine {
    /// Returns every reason that holds a process, as of this moment.
    pub(crate) async fn explain(
        &self,
        permit: Permit<action::Explain>,
        process_id: Uuid,
    ) -> Result<Explanation, Error> {
        let (colony, now_ms) = (permit.colony(), self.clock.now_ms());
        let since_ms = now_ms.saturating_sub(EXPLAIN_RUNS_WINDOW_MS);
        let Some(mut record) = self.store.explain(colony.key, process_id, since_ms).await? else {
            return Err(no_process(colony, process_id));
        };
        self.check_shown(&permit, process_id, record.summary.submitter_grant).await?;
        let unfinished = matches!(record.summary.state, ProcessState::Waiting | ProcessState::Blocked);
        let (pauses, executors, limits) = if unfinished {
            let executors = self.candidates(colony, &record.summary.executor_type, &record.summary.function).await?;
            let mut limits = self.counted(colony, &record, now_ms).await?;
            for limit in &mut limits {
                self.shown_among(&permit, &mut limit.holders).await?;
            }
            (self.store.list_pauses(colony.key).await?, executors, limits)
        } else {
            (Vec::new(), Vec::new(), Vec::new())
        };
        let mut shown: Vec<_> = record.parents.iter().map(|(parent, _)| *parent).collect();
        self.shown_among(&permit, &mut shown).await?;
        let hidden_parents = record.parents.len().saturating_sub(shown.len());
        record.parents.retain(|(parent, _)| shown.contains(parent));
        let facts =
            Facts { process: &record, pauses: &pauses, executors: &executors, limits: &limits, hidden_parents, now_ms };
        let (reasons, estimated_wait_ms) = (explain::of_process(&facts), explain::estimated_wait_ms(&facts));
        let waits = record.summary.state == ProcessState::Waiting;
        Ok(Explanation {
            reasons,
            queue_position: waits.then(|| record.ahead.saturating_add(1)),
            is_least: waits && record.more_ahead,
            estimated_wait_ms,
            process: record.summary,
        })
    }

    /// Returns the executors of a type, with whether each may do a function.
    pub(in crate::engine) async fn candidates(
        &self,
        colony: &Colony,
        executor_type: &str,
        function: &str,
    ) -> Result<Vec<Candidate>, Error> {
        // Flushed first, so that executors that came a moment ago are among them.
        self.contacts.write(&*self.store).await?;
        let filter = ExecutorFilter { executor_type: Some(executor_type.to_owned()), ..ExecutorFilter::default() };
        let page = Page { size: EXPLAIN_EXECUTORS_MAX, after: None };
        let mut views = self.executors(colony, &filter, page).await?;
        // Executors that have a grant for the type, and have not registered.
        let silent = ExecutorFilter { executor_type: Some(String::new()), ..ExecutorFilter::default() };
        views.extend(self.executors(colony, &silent, page).await?);
        let keys = views.iter().map(|view| view.record.key);
        let licences = ExecutorGrants::read(&*self.store, &*self.clock, colony, keys).await?;
        let candidate =
            |view: ExecutorView| Candidate::of(&view, licences.covers(&view.record.key, executor_type, function));
        let suits = |view: &ExecutorView| {
            let (key, is_removed) = (&view.record.key, view.presence == Presence::Removed);
            !view.record.executor_type.is_empty()
                || licences.covers_type(key, executor_type)
                || is_removed && licences.covered_type(key, executor_type)
        };
        Ok(views.into_iter().filter(suits).map(candidate).collect())
    }
}
