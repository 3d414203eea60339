//! Processes in SQLite.

use std::collections::HashMap;

use apiary_database::{Sql, query, sql};
use apiary_store::limits::ATTEMPTS_MAX;
use apiary_store::model::{
    Attempt, ColonyKey, NewProcess, Page, ProcessCursor, ProcessFilter, ProcessRecord, ProcessState, ProcessSummary,
    SubmitResult,
};
use apiary_store::{ProcessStore, StoreResult, checks, rows};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::batch::{Documents, KnownItem, ProcessItem, ids, list as json_list};
use crate::transaction::{Statement, Write, read};
use crate::{SqliteStore, limits};

#[async_trait::async_trait]
impl ProcessStore for SqliteStore {
    async fn submit(&self, processes: &[NewProcess], now_ms: i64) -> StoreResult<Vec<SubmitResult>> {
        submit(self, processes, now_ms, false).await.map(|(answers, _)| answers)
    }

    async fn submit_limited(
        &self,
        processes: &[NewProcess],
        now_ms: i64,
    ) -> StoreResult<(Vec<SubmitResult>, Vec<(ColonyKey, Uuid)>)> {
        submit(self, processes, now_ms, true).await
    }

    async fn known(&self, process: &NewProcess, now_ms: i64) -> StoreResult<Option<SubmitResult>> {
        let items = json_list([KnownItem::new(process)])?;
        let select = query(sql!("processes/submit_known.sql")).bind(items).bind(now_ms);
        Ok(answers(&read(&self.readers, select).await?)?.remove(&process.process_id))
    }

    async fn get_process(&self, colony: ColonyKey, process_id: Uuid) -> StoreResult<Option<ProcessRecord>> {
        let select = query(sql!("processes/get.sql")).bind(colony.0).bind(process_id);
        read(&self.readers, select).await?.first().map(|row| rows::process_record(row)).transpose()
    }

    async fn summaries(&self, process_ids: &[Uuid]) -> StoreResult<Vec<ProcessSummary>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("processes/summaries.sql")).bind(ids(process_ids)?);
        read(&self.readers, select).await?.iter().map(|row| rows::summary(row)).collect()
    }

    async fn attempts(&self, process_id: Uuid) -> StoreResult<Vec<Attempt>> {
        let select = query(sql!("processes/attempts.sql")).bind(process_id).bind(ATTEMPTS_MAX);
        read(&self.readers, select).await?.iter().map(|row| rows::attempt(row)).collect()
    }

    async fn attempt(&self, process_id: Uuid, attempt: i32) -> StoreResult<Option<Attempt>> {
        let select = query(sql!("processes/attempt.sql")).bind(process_id).bind(attempt);
        read(&self.readers, select).await?.first().map(|row| rows::attempt(row)).transpose()
    }

    async fn list_processes(
        &self,
        colony: ColonyKey,
        filter: &ProcessFilter,
        page: Page<ProcessCursor>,
    ) -> StoreResult<Vec<ProcessSummary>> {
        // SQLite keeps one plan for all filters, so there are two statements. The plan by state suits states with few rows; succeeded
        // processes are the bulk, and are better read in the order of the list.
        let has_few = !filter.states.is_empty() && !filter.states.contains(&ProcessState::Succeeded);
        let statement = if has_few { sql!("processes/list_by_state.sql") } else { sql!("processes/list.sql") };
        let select = filtered(statement, colony, filter)
            // Without a cursor, after the last of all imaginable rows.
            .bind(page.after.map_or(i64::MAX, |cursor| cursor.submitted_at_ms))
            .bind(page.after.map_or(Uuid::max(), |cursor| cursor.process_id))
            .bind(page.size.max(0));
        read(&self.readers, select).await?.iter().map(|row| rows::summary(row)).collect()
    }

    async fn count_processes(&self, colony: ColonyKey, filter: &ProcessFilter) -> StoreResult<i64> {
        let select = filtered(sql!("processes/count.sql"), colony, filter);
        read(&self.readers, select).await?.first().map_or(Ok(0), |row| rows::count(row))
    }
}

/// Runs one transaction: reads which items exist already, then stores the rest.
pub(super) async fn submit(
    store: &SqliteStore,
    processes: &[NewProcess],
    now_ms: i64,
    is_limited: bool,
) -> StoreResult<(Vec<SubmitResult>, Vec<(ColonyKey, Uuid)>)> {
    let mut cancelled = Vec::new();
    if processes.is_empty() {
        return Ok((Vec::new(), cancelled));
    }
    let mut write = Write::begin(&store.writer).await?;
    // Under the one writer the answer cannot change before the insert, so nothing has to be tried again, unlike in Postgres.
    let known = known(&mut write, processes, now_ms).await?;
    let new: Vec<&NewProcess> = processes.iter().filter(|process| !known.contains_key(&process.process_id)).collect();
    // A batch of repeats changes nothing, and needs no commit.
    if !new.is_empty() {
        keep(&mut write, &new, now_ms).await?;
        if is_limited {
            cancelled = limits::hold(&mut write, &new, now_ms).await?;
        }
        write.commit().await?;
    }
    let answer = |process: &NewProcess| match known.get(&process.process_id) {
        Some(answer) => *answer,
        None => checks::submitted_new(process, now_ms),
    };
    let answers = processes.iter().map(answer).collect();
    Ok((checks::with_cancelled(processes, answers, &cancelled), cancelled))
}

async fn known(write: &mut Write, processes: &[NewProcess], now_ms: i64) -> StoreResult<HashMap<Uuid, SubmitResult>> {
    let items = json_list(processes.iter().map(KnownItem::new))?;
    answers(&write.rows(query(sql!("processes/submit_known.sql")).bind(items).bind(now_ms)).await?)
}

fn answers(found: &[SqliteRow]) -> StoreResult<HashMap<Uuid, SubmitResult>> {
    let known = found.iter().map(|row| rows::known_process(row)).collect::<StoreResult<Vec<_>>>()?;
    Ok(known.into_iter().filter_map(|(process_id, answer)| answer.map(|answer| (process_id, answer))).collect())
}

async fn keep(write: &mut Write, new: &[&NewProcess], now_ms: i64) -> StoreResult<()> {
    let mut documents = Documents::default();
    let items = json_list(new.iter().map(|process| ProcessItem::new(process, &mut documents)))?;
    let specs = query(sql!("processes/submit.sql")).bind(items.clone()).bind(documents.into_bytes());
    write.changed(specs).await?;
    // Steps that no item needs are left out: each would open the whole list again.
    if new.iter().any(|process| process.idempotency.is_some()) {
        write.changed(query(sql!("steps/submit_key.sql")).bind(items.clone())).await?;
    }
    if new.iter().any(|process| !process.parents.is_empty()) {
        write.changed(query(sql!("steps/submit_parents.sql")).bind(items.clone())).await?;
    }
    if new.iter().any(|process| process.not_before_ms.is_some() || !process.parents.is_empty()) {
        write.changed(query(sql!("steps/submit_block.sql")).bind(items.clone()).bind(now_ms)).await?;
    }
    write.changed(query(sql!("steps/submit_wait.sql")).bind(items).bind(now_ms)).await?;
    Ok(())
}

/// Returns a statement with the parameters of a filter, ?1 to ?9.
fn filtered<'q>(statement: Sql, colony: ColonyKey, filter: &'q ProcessFilter) -> Statement<'q> {
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    query(statement)
        .bind(colony.0)
        .bind(checks::json_if_any(&states, states.is_empty()))
        .bind(filter.executor_type.as_deref())
        .bind(filter.function.as_deref())
        .bind(checks::json_if_any(&filter.labels, filter.labels.is_empty()))
        .bind(filter.submitter.as_deref())
        .bind(filter.executor.as_deref())
        .bind(filter.submitted_from_ms)
        .bind(filter.submitted_until_ms)
}
