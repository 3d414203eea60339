//! The catalogue of announced functions, with statistics.

use std::collections::BTreeMap;

use apiary_store::model::{AnnouncedFunction, FunctionStatistics, cut_to_bytes};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::presence::roster::ExecutorGrants;
use crate::limits::{ANNOUNCERS_MAX, CATALOGUE_ROWS_MAX, FUNCTIONS_MAX, PAGE_BYTES_MAX, STATISTICS_PROCESSES_MAX};

/// Bytes of a function's names and numbers, at the most; the announcement and the executors' names come on top.
const FUNCTION_BYTES: usize = 1024;

/// A function, with the executors that announce it and its statistics.
pub(crate) struct FunctionView {
    /// The executor type.
    pub(crate) executor_type: String,
    /// The latest announcement.
    pub(crate) function: AnnouncedFunction,
    /// The names of the executors that announce it and may do it.
    pub(crate) executors: Vec<String>,
    /// The statistics; absent if no process finished.
    pub(crate) statistics: Option<FunctionStatistics>,
}

impl Engine {
    /// Returns the functions that approved executors announce and may do, and those whose processes finished within the window.
    pub(crate) async fn list_functions(
        &self,
        permit: Permit<action::ListFunctions>,
        executor_type: Option<&str>,
        window_ms: i64,
    ) -> Result<Vec<FunctionView>, Error> {
        let colony = permit.colony();
        let announcements = self.store.list_functions(colony.key, executor_type, CATALOGUE_ROWS_MAX).await?;
        let keys = announcements.iter().map(|one| one.key);
        let licences = ExecutorGrants::read(&*self.store, &*self.clock, colony, keys).await?;
        let mut found: BTreeMap<(String, String), FunctionView> = BTreeMap::new();
        for one in announcements {
            let covered = |function: &AnnouncedFunction| licences.covers(&one.key, &one.executor_type, &function.name);
            for function in one.functions.into_iter().filter(covered) {
                let place = (one.executor_type.clone(), function.name.clone());
                // The executor last heard comes first: its announcement is shown.
                let view = found.entry(place).or_insert_with(|| FunctionView::new(&one.executor_type, function));
                if view.executors.len() < ANNOUNCERS_MAX && !view.executors.contains(&one.name) {
                    view.executors.push(one.name.clone());
                }
            }
        }
        let since_ms = self.clock.now_ms().saturating_sub(window_ms);
        for statistics in self
            .store
            .function_statistics(colony.key, executor_type, since_ms, STATISTICS_PROCESSES_MAX, FUNCTIONS_MAX)
            .await?
        {
            let place = (statistics.executor_type.clone(), statistics.function.clone());
            let unannounced = || AnnouncedFunction {
                name: statistics.function.clone(),
                description: String::new(),
                args_schema: String::new(),
            };
            let view =
                found.entry(place).or_insert_with(|| FunctionView::new(&statistics.executor_type, unannounced()));
            view.statistics = Some(statistics);
        }
        let mut functions: Vec<_> =
            found.into_values().take(usize::try_from(FUNCTIONS_MAX).unwrap_or(usize::MAX)).collect();
        let beyond = cut_to_bytes(&mut functions, PAGE_BYTES_MAX, FunctionView::bytes);
        if !beyond.is_empty() {
            tracing::warn!(count = beyond.len(), "the catalogue is larger than an answer: ask by executor type");
        }
        Ok(functions)
    }
}

impl FunctionView {
    fn new(executor_type: &str, function: AnnouncedFunction) -> Self {
        Self { executor_type: executor_type.to_owned(), function, executors: Vec::new(), statistics: None }
    }

    fn bytes(&self) -> usize {
        let names: usize = self.executors.iter().map(String::len).sum();
        FUNCTION_BYTES + names + self.function.description.len() + self.function.args_schema.len()
    }
}
