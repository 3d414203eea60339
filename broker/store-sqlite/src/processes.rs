//! Processes in SQLite.

use std::collections::{HashMap, HashSet};

use apiary_database::{query, sql};
use apiary_identity::Clock;
use apiary_store::limits::ATTEMPTS_MAX;
use apiary_store::matching::hand_over::{HandOver, NewLease};
use apiary_store::model::{
    Attempt, ClaimSlot, ClaimedLease, ColonyKey, Lane, NewProcess, Page, ProcessCount, ProcessCursor, ProcessFilter,
    ProcessPage, ProcessRecord, ProcessState, ProcessSummary, SubmitResult,
};
use apiary_store::{ProcessStore, StoreResult, checks, rows};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::batch::{Documents, KnownItem, ProcessItem, ids, list as json_list};
use crate::transaction::{Write, read};
use crate::{SqliteStore, leases, limits, lists};

#[async_trait::async_trait]
impl ProcessStore for SqliteStore {
    async fn submit(&self, processes: &[NewProcess], now_ms: i64) -> StoreResult<Vec<SubmitResult>> {
        submit(self, processes, now_ms, Manner::Plain).await.map(|submitted| submitted.answers)
    }

    async fn submit_limited(
        &self,
        processes: &[NewProcess],
        now_ms: i64,
    ) -> StoreResult<(Vec<SubmitResult>, Vec<(ColonyKey, Uuid)>)> {
        let submitted = submit(self, processes, now_ms, Manner::Limited).await?;
        Ok((submitted.answers, submitted.cancelled))
    }

    async fn submit_leased(
        &self,
        processes: &[NewProcess],
        lane: &Lane,
        slots: &[ClaimSlot],
        clock: &dyn Clock,
    ) -> StoreResult<(Vec<SubmitResult>, Vec<ClaimedLease>)> {
        let hand_over = HandOver::of(lane, slots, processes);
        let manner = hand_over.as_ref().map_or(Manner::Plain, |hand_over| Manner::HandedOver(hand_over, clock));
        let submitted = submit(self, processes, clock.now_ms(), manner).await?;
        Ok((submitted.answers, submitted.leased.into_iter().map(|lease| lease.claimed).collect()))
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
    ) -> StoreResult<ProcessPage> {
        lists::list_processes(self, colony, filter, page).await
    }

    async fn count_processes(&self, colony: ColonyKey, filter: &ProcessFilter) -> StoreResult<ProcessCount> {
        lists::count_processes(self, colony, filter).await
    }
}

/// The manner in which new processes are stored.
#[derive(Clone, Copy)]
enum Manner<'m> {
    Plain,
    /// With the limits of their keys.
    Limited,
    /// With leases for those that polls take.
    HandedOver(&'m HandOver<'m>, &'m dyn Clock),
}

/// The answers of a submit, with the other processes that it changed.
#[derive(Default)]
struct Submitted {
    answers: Vec<SubmitResult>,
    cancelled: Vec<(ColonyKey, Uuid)>,
    leased: Vec<NewLease>,
}

/// Runs one transaction: reads which items exist already, then stores the rest.
async fn submit(
    store: &SqliteStore,
    processes: &[NewProcess],
    mut now_ms: i64,
    manner: Manner<'_>,
) -> StoreResult<Submitted> {
    let mut submitted = Submitted::default();
    if processes.is_empty() {
        return Ok(submitted);
    }
    let mut write = Write::begin(&store.writer).await?;
    if let Manner::HandedOver(_, clock) = manner {
        // Read after the wait for the writer.
        now_ms = clock.now_ms();
    }
    // Under the one writer the answer cannot change before the insert, so nothing has to be tried again, unlike in Postgres.
    let known = known(&mut write, processes, now_ms).await?;
    let new: Vec<&NewProcess> = processes.iter().filter(|process| !known.contains_key(&process.process_id)).collect();
    // A batch of repeats changes nothing, and needs no commit.
    if !new.is_empty() {
        if let Manner::HandedOver(hand_over, _) = manner
            && is_allowed(&mut write, hand_over).await?
        {
            submitted.leased = new.iter().filter_map(|process| hand_over.lease(process, now_ms)).collect();
        }
        keep(&mut write, &new, &submitted.leased, now_ms).await?;
        if let Manner::Limited = manner {
            submitted.cancelled = limits::hold(&mut write, &new, now_ms).await?;
        }
        write.commit().await?;
    }
    let running: HashSet<Uuid> = submitted.leased.iter().map(|lease| lease.claimed.process_id).collect();
    let answer = |process: &NewProcess| match known.get(&process.process_id) {
        Some(answer) => *answer,
        None if running.contains(&process.process_id) => SubmitResult::New { state: ProcessState::Running },
        None => checks::submitted_new(process, now_ms),
    };
    let answers = processes.iter().map(answer).collect();
    submitted.answers = checks::with_cancelled(processes, answers, &submitted.cancelled);
    Ok(submitted)
}

/// Reads whether anything stands against handing over.
async fn is_allowed(write: &mut Write, hand_over: &HandOver<'_>) -> StoreResult<bool> {
    let restrictions = leases::restrictions(write, hand_over.lane(), hand_over.slots()).await?;
    Ok(hand_over.is_allowed(&restrictions))
}

async fn known(write: &mut Write, processes: &[NewProcess], now_ms: i64) -> StoreResult<HashMap<Uuid, SubmitResult>> {
    let items = json_list(processes.iter().map(KnownItem::new))?;
    answers(&write.rows(query(sql!("processes/submit_known.sql")).bind(items).bind(now_ms)).await?)
}

fn answers(found: &[SqliteRow]) -> StoreResult<HashMap<Uuid, SubmitResult>> {
    let known = found.iter().map(|row| rows::known_process(row)).collect::<StoreResult<Vec<_>>>()?;
    Ok(known.into_iter().filter_map(|(process_id, answer)| answer.map(|answer| (process_id, answer))).collect())
}

async fn keep(write: &mut Write, new: &[&NewProcess], leased: &[NewLease], now_ms: i64) -> StoreResult<()> {
    let mut documents = Documents::default();
    let leases: HashMap<Uuid, &NewLease> = leased.iter().map(|lease| (lease.claimed.process_id, lease)).collect();
    let lease_of = |process: &NewProcess| leases.get(&process.process_id).copied();
    let items = new.iter().map(|process| ProcessItem::new(process, lease_of(process), &mut documents));
    let items = json_list(items)?;
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
    if !leased.is_empty() {
        write.changed(query(sql!("steps/submit_lease.sql")).bind(items.clone()).bind(now_ms)).await?;
    }
    if leased.len() < new.len() {
        write.changed(query(sql!("steps/submit_wait.sql")).bind(items).bind(now_ms)).await?;
    }
    Ok(())
}
