//! Lists of processes in SQLite: pages that read a bounded number of rows, and counts.

use apiary_database::{Sql, query, sql};
use apiary_store::limits::{LIST_AROUND_MAX, LIST_FEW_MAX, LIST_ROWS_MAX};
use apiary_store::model::{ColonyKey, Page, ProcessCount, ProcessCursor, ProcessFilter, ProcessPage};
use apiary_store::{ColonyStore as _, StoreResult, checks, rows};

use crate::SqliteStore;
use crate::transaction::{Statement, read};

/// Returns a page of what matches. Few processes in the wanted states are found wherever they are; otherwise those among the next rows of
/// the list are.
pub(super) async fn list_processes(
    store: &SqliteStore,
    colony: ColonyKey,
    filter: &ProcessFilter,
    page: Page<ProcessCursor>,
) -> StoreResult<ProcessPage> {
    if let Some(found) = in_few_states(store, colony, filter, page).await? {
        return Ok(found);
    }
    let select = paged(sql!("processes/list.sql"), colony, filter, page).bind(LIST_ROWS_MAX).bind(own(filter));
    Ok(rows::process_page(&read(&store.readers, select).await?)?.unwrap_or_default())
}

/// Returns the number of what matches: exact if these are few, or in the first rows of the list if there are no more.
pub(super) async fn count_processes(
    store: &SqliteStore,
    colony: ColonyKey,
    filter: &ProcessFilter,
) -> StoreResult<ProcessCount> {
    let all = Page { size: LIST_FEW_MAX + 1, after: None };
    if let Some(few) = in_few_states(store, colony, filter, all).await?
        && few.next.is_none()
    {
        return Ok(few.into());
    }
    let select = filtered(sql!("processes/count.sql"), colony, filter, None).bind(LIST_ROWS_MAX);
    let found = read(&store.readers, select).await?;
    found.first().map_or(Ok(ProcessCount::default()), |row| rows::process_count(row))
}

/// Returns a page of processes in the wanted states; `None` if no states are wanted, or many processes are in them.
async fn in_few_states(
    store: &SqliteStore,
    colony: ColonyKey,
    filter: &ProcessFilter,
    page: Page<ProcessCursor>,
) -> StoreResult<Option<ProcessPage>> {
    if filter.states.is_empty() || !checks::are_few(filter, store.count_states(Some(colony)).await)? {
        return Ok(None);
    }
    let select =
        paged(sql!("processes/list_by_state.sql"), colony, filter, page).bind(LIST_AROUND_MAX).bind(own(filter));
    rows::process_page(&read(&store.readers, select).await?)
}

/// Returns a statement with the parameters of a filter and a page, ?1 to ?11.
fn paged<'q>(statement: Sql, colony: ColonyKey, filter: &'q ProcessFilter, page: Page<ProcessCursor>) -> Statement<'q> {
    filtered(statement, colony, filter, page.after).bind(page.size.max(1))
}

/// Returns a statement with the parameters of a filter and a position, ?1 to ?10.
fn filtered<'q>(
    statement: Sql,
    colony: ColonyKey,
    filter: &'q ProcessFilter,
    after: Option<ProcessCursor>,
) -> Statement<'q> {
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let start = filter.start(after);
    query(statement)
        .bind(colony.0)
        .bind(checks::json_if_any(&states, states.is_empty()))
        .bind(filter.executor_type.as_deref())
        .bind(filter.function.as_deref())
        .bind(checks::json_if_any(&filter.labels, filter.labels.is_empty()))
        .bind(filter.submitter.as_deref())
        .bind(filter.executor.as_deref())
        .bind(filter.submitted_from_ms)
        .bind(start.submitted_at_ms)
        .bind(start.process_id)
}

/// Returns the key that must have submitted what matches.
fn own(filter: &ProcessFilter) -> Option<&[u8]> {
    filter.own.as_ref().map(|key| key.as_bytes().as_slice())
}
