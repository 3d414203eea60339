//! Explanations of why an executor gets no work.

use apiary_store::model::{ExecutorFilter, ExplainReason, Lane, Page, WaitingGroup};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::explain::{self, Candidate, ExecutorFacts};
use crate::engine::presence::roster::{ExecutorGrants, ExecutorView};
use crate::limits::{EXPLAIN_EXECUTORS_MAX, EXPLAIN_ROWS_MAX};

/// The reasons why the executors of a name get no work.
pub(crate) struct ExecutorExplanation {
    /// The executors of that name: each key and executor type.
    pub(crate) executors: Vec<ExecutorView>,
    /// The reasons of each, with its executor type.
    pub(crate) reasons: Vec<(String, ExplainReason)>,
}

impl Engine {
    /// Returns every reason why the executors of this name get no work, as of this moment.
    pub(crate) async fn explain_executor(
        &self,
        permit: Permit<action::ExplainExecutor>,
        name: &str,
    ) -> Result<ExecutorExplanation, Error> {
        let (colony, now_ms) = (permit.colony(), self.clock.now_ms());
        // Flushed first, so that executors that came a moment ago are among them.
        self.contacts.write(&*self.store).await?;
        let filter = ExecutorFilter { name: Some(name.to_owned()), ..ExecutorFilter::default() };
        let page = Page { size: EXPLAIN_EXECUTORS_MAX, after: None };
        let executors = self.executors(colony, &filter, page).await?;
        if executors.is_empty() {
            return Err(Error::NotFound(format!(
                "no executor `{name}` has registered, been granted or claimed in this colony: `apiary executor list`"
            )));
        }
        let pauses = self.store.list_pauses(colony.key).await?;
        let licences =
            ExecutorGrants::read(&*self.store, &*self.clock, colony, executors.iter().map(|view| view.record.key))
                .await?;
        let limits = self.limits_with_use(colony).await?;
        let mut reasons = Vec::new();
        for view in &executors {
            let record = &view.record;
            let lane = Lane { colony: colony.key, executor_type: record.executor_type.clone() };
            let waiting = self.store.waiting_sorts(&lane, EXPLAIN_ROWS_MAX).await?;
            let is_held = |sort: &WaitingGroup| limits.hold_back(&record.executor_type, sort, now_ms);
            let executor = Candidate::of(view, true);
            let covers = |function: &str| licences.covers(&record.key, &record.executor_type, function);
            let found = explain::of_executor(&ExecutorFacts {
                executor: &executor,
                executor_type: &record.executor_type,
                waiting: &waiting,
                pauses: &pauses,
                covers: &covers,
                is_held: &is_held,
                now_ms,
            });
            reasons.extend(found.into_iter().map(|reason| (record.executor_type.clone(), reason)));
        }
        Ok(ExecutorExplanation { executors, reasons })
    }
}
