//! Lists of processes in Postgres: pages that read a bounded number of rows, and counts.

use apiary_database::{Sql, query, sql};
use apiary_store::limits::{LIST_AROUND_MAX, LIST_FEW_MAX, LIST_ROWS_MAX};
use apiary_store::model::{ColonyKey, Page, ProcessCount, ProcessCursor, ProcessFilter, ProcessPage, ProcessState};
use apiary_store::{ColonyStore as _, StoreResult, checks, rows};

use crate::fault::Fault;
use crate::session::Statement;
use crate::{PostgresStore, column};

/// Returns a page of what matches. Few processes, by state or by label, are found wherever they are; otherwise those among the next rows
/// of the list are.
pub(super) async fn list_processes(
    store: &PostgresStore,
    colony: ColonyKey,
    filter: &ProcessFilter,
    page: Page<ProcessCursor>,
) -> StoreResult<ProcessPage> {
    if let Some(found) = in_few_states(store, colony, filter, page).await? {
        return Ok(found);
    }
    let select = paged(sql!("processes/list.sql"), colony, filter, page).bind(LIST_ROWS_MAX).bind(own(filter));
    let found = rows::process_page(&store.session().await?.rows(select).await?)?.unwrap_or_default();
    let is_full = i64::try_from(found.processes.len()).is_ok_and(|count| count >= page.size);
    if filter.labels.is_empty() || is_full || found.next.is_none() {
        return Ok(found);
    }
    // Labels that are rare among the next rows may be rare altogether.
    Ok(with_few_labels(store, colony, filter, page).await?.unwrap_or(found))
}

/// Returns the number of what matches: exact if these are few, or in the first rows of the list if there are no more.
pub(super) async fn count_processes(
    store: &PostgresStore,
    colony: ColonyKey,
    filter: &ProcessFilter,
) -> StoreResult<ProcessCount> {
    let all = Page { size: LIST_FEW_MAX + 1, after: None };
    let exact = |page: &ProcessPage| page.next.is_none();
    let mut few = in_few_states(store, colony, filter, all).await?.filter(exact);
    let mut counted = ProcessCount::default();
    if few.is_none() {
        let select = filtered(sql!("processes/count.sql"), colony, filter, None).bind(LIST_ROWS_MAX);
        let found = store.session().await?.row(select).await?;
        counted = found.map_or(Ok(counted), |row| rows::process_count(&row))?;
        if counted.is_more && !filter.labels.is_empty() {
            few = with_few_labels(store, colony, filter, all).await?.filter(exact);
        }
    }
    Ok(few.map_or(counted, |page| page.into()))
}

/// Returns a page of processes in the wanted states; `None` if no states are wanted, or many processes are in them.
async fn in_few_states(
    store: &PostgresStore,
    colony: ColonyKey,
    filter: &ProcessFilter,
    page: Page<ProcessCursor>,
) -> StoreResult<Option<ProcessPage>> {
    if filter.states.is_empty() || !checks::are_few(filter, store.count_states(Some(colony)).await)? {
        return Ok(None);
    }
    let select =
        paged(sql!("processes/list_by_state.sql"), colony, filter, page).bind(LIST_AROUND_MAX).bind(own(filter));
    rows::process_page(&store.session().await?.rows(select).await?)
}

/// Returns a page of processes with the wanted labels; `None` if there are many.
async fn with_few_labels(
    store: &PostgresStore,
    colony: ColonyKey,
    filter: &ProcessFilter,
    page: Page<ProcessCursor>,
) -> StoreResult<Option<ProcessPage>> {
    let index = query(sql!("processes/use_label_index.sql"));
    let select = paged(sql!("processes/list_by_labels.sql"), colony, filter, page).bind(LIST_FEW_MAX).bind(own(filter));
    let mut session = store.session().await?;
    session.begin().await?;
    let read = async {
        session.row(index).await?;
        session.rows(select).await
    };
    let found: Result<_, Fault> = read.await;
    rows::process_page(&session.end(found).await?)
}

/// Returns a statement with the parameters of a filter and a page, $1 to $11.
fn paged<'q>(statement: Sql, colony: ColonyKey, filter: &'q ProcessFilter, page: Page<ProcessCursor>) -> Statement<'q> {
    filtered(statement, colony, filter, page.after).bind(page.size.max(1))
}

/// Returns a statement with the parameters of a filter and a position, $1 to $10.
fn filtered<'q>(
    statement: Sql,
    colony: ColonyKey,
    filter: &'q ProcessFilter,
    after: Option<ProcessCursor>,
) -> Statement<'q> {
    let states = (!filter.states.is_empty()).then(|| column(&filter.states, |state: &ProcessState| state.as_str()));
    let start = filter.start(after);
    query(statement)
        .bind(colony.0)
        .bind(states)
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
