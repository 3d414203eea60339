//! Listing executors.

use apiary_store::model::{Colony, ExecutorCursor, ExecutorFilter, Page, cut_to_bytes};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::presence::roster::{ExecutorGrants, ExecutorView};
use crate::engine::presence::state::Presence;
use crate::limits::{EXECUTORS_LOOKED_AT_MAX, PAGE_BYTES_MAX};

/// Rows that are read together: each may announce as much as a registration can hold.
const ROWS: i64 = 100;
/// Bytes of an executor's names, numbers, key and offer, at the most; its functions come on top.
const EXECUTOR_BYTES: usize = 12 * 1024;
/// Bytes that an announced function's frame adds.
const FUNCTION_FRAME_BYTES: usize = 32;

/// A query for executors.
#[derive(Default)]
pub(crate) struct ExecutorQuery {
    /// The filter on stored properties.
    pub(crate) filter: ExecutorFilter,
    /// The states to list; empty for all.
    pub(crate) states: Vec<Presence>,
}

/// A page of executors.
pub(crate) struct ExecutorPage {
    /// The executors, by their first appearance.
    pub(crate) executors: Vec<ExecutorView>,
    /// The start of the next page, if there may be one.
    pub(crate) next: Option<ExecutorCursor>,
}

impl Engine {
    /// Returns a page of the colony's executors that match. If few match, a page may be short although there is a next one.
    pub(crate) async fn list_executors(
        &self,
        permit: Permit<action::ListExecutors>,
        query: &ExecutorQuery,
        page: Page<ExecutorCursor>,
    ) -> Result<ExecutorPage, Error> {
        self.executor_page(permit.colony(), query, page).await
    }

    /// Returns a page of a colony's executors that match.
    pub(in crate::engine) async fn executor_page(
        &self,
        colony: &Colony,
        query: &ExecutorQuery,
        page: Page<ExecutorCursor>,
    ) -> Result<ExecutorPage, Error> {
        let size = usize::try_from(page.size).unwrap_or_default();
        let (mut found, mut after, mut looked_at) = (Vec::new(), page.after, 0);
        let mut next = None;
        while found.len() < size && looked_at < EXECUTORS_LOOKED_AT_MAX {
            let rows = Page { size: ROWS.min(page.size), after };
            let views = self.executors(colony, &query.filter, rows).await?;
            let is_last = i64::try_from(views.len()).is_ok_and(|count| count < rows.size);
            looked_at += views.len();
            after = views.last().map(|view| ExecutorCursor(view.record.number)).or(after);
            next = after.filter(|_| !is_last);
            found.extend(
                views.into_iter().filter(|view| query.states.is_empty() || query.states.contains(&view.presence)),
            );
            if is_last {
                break;
            }
        }
        let beyond_size = found.split_off(size.min(found.len()));
        let beyond_bytes = cut_to_bytes(&mut found, PAGE_BYTES_MAX, bytes_of);
        if !beyond_size.is_empty() || !beyond_bytes.is_empty() {
            next = found.last().map(|view| ExecutorCursor(view.record.number));
        }
        Ok(ExecutorPage { executors: found, next })
    }

    /// Returns executors as they are now.
    pub(in crate::engine) async fn executors(
        &self,
        colony: &Colony,
        filter: &ExecutorFilter,
        page: Page<ExecutorCursor>,
    ) -> Result<Vec<ExecutorView>, Error> {
        let records = self.store.list_executors(colony.key, filter, page, self.clock.now_ms()).await?;
        let keys = records.iter().map(|record| record.key);
        let licences = ExecutorGrants::read(&*self.store, &*self.clock, colony, keys).await?;
        Ok(records.into_iter().map(|record| licences.view(record, colony, &self.contacts)).collect())
    }
}

fn bytes_of(view: &ExecutorView) -> usize {
    let functions = view.record.functions.iter();
    let announced =
        functions.map(|one| one.name.len() + one.description.len() + one.args_schema.len() + FUNCTION_FRAME_BYTES);
    EXECUTOR_BYTES + announced.sum::<usize>()
}
