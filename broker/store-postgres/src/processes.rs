//! Processes in Postgres.

use std::collections::{BTreeSet, HashMap, HashSet};

use apiary_database::{query, sql};
use apiary_identity::Clock;
use apiary_store::limits::ATTEMPTS_MAX;
use apiary_store::matching::hand_over::HandOver;
use apiary_store::matching::overflow;
use apiary_store::matching::restrictions::grants_of;
use apiary_store::model::{
    Attempt, ClaimSlot, ClaimedLease, ColonyKey, Lane, NewProcess, Page, ProcessCount, ProcessCursor, ProcessFilter,
    ProcessPage, ProcessRecord, ProcessState, ProcessSummary, SubmitResult,
};
use apiary_store::signatures::{BatchCache, pack};
use apiary_store::{ProcessStore, StoreError, StoreResult, checks, documents, rows};
use uuid::Uuid;

use crate::fault::{Conflicts, Fault};
use crate::session::Session;
use crate::{PostgresStore, column, limits, lists, signatures};

#[async_trait::async_trait]
impl ProcessStore for PostgresStore {
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
        Ok((submitted.answers, submitted.leased))
    }

    async fn known(&self, process: &NewProcess, now_ms: i64) -> StoreResult<Option<SubmitResult>> {
        Ok(known(self, &[process], now_ms).await?.next().map(|(_, answer)| answer))
    }

    async fn get_process(&self, colony: ColonyKey, process_id: Uuid) -> StoreResult<Option<ProcessRecord>> {
        let select = query(sql!("processes/get.sql")).bind(colony.0).bind(process_id);
        self.session().await?.row(select).await?.map(|row| signatures::process_record(&row)).transpose()
    }

    async fn summaries(&self, process_ids: &[Uuid]) -> StoreResult<Vec<ProcessSummary>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("processes/summaries.sql")).bind(process_ids);
        self.session().await?.rows(select).await?.iter().map(|row| rows::summary(row)).collect()
    }

    async fn attempts(&self, process_id: Uuid) -> StoreResult<Vec<Attempt>> {
        let select = query(sql!("processes/attempts.sql")).bind(process_id).bind(ATTEMPTS_MAX);
        self.session().await?.rows(select).await?.iter().map(signatures::attempt).collect()
    }

    async fn attempt(&self, process_id: Uuid, attempt: i32) -> StoreResult<Option<Attempt>> {
        let select = query(sql!("processes/attempt.sql")).bind(process_id).bind(attempt);
        self.session().await?.row(select).await?.map(|row| signatures::attempt(&row)).transpose()
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
    /// In one statement.
    Plain,
    /// With the limits of their keys, in one transaction.
    Limited,
    /// In one statement that leases, too.
    HandedOver(&'m HandOver<'m>, &'m dyn Clock),
}

/// The answers of a submit, with the other processes that it changed.
#[derive(Default)]
struct Submitted {
    answers: Vec<SubmitResult>,
    cancelled: Vec<(ColonyKey, Uuid)>,
    leased: Vec<ClaimedLease>,
}

/// Stores what can be stored in one statement, and reads the reason for the rest. In the rare case that the reason is gone by
/// then (its idempotency key was just deleted), the item is tried again.
async fn submit(
    store: &PostgresStore,
    processes: &[NewProcess],
    now_ms: i64,
    manner: Manner<'_>,
) -> StoreResult<Submitted> {
    let mut submitted = Submitted::default();
    let mut answers: HashMap<Uuid, SubmitResult> = HashMap::with_capacity(processes.len());
    let mut open: Vec<&NewProcess> = processes.iter().collect();
    // One order of rows at all brokers: of two batches with common rows one waits for the other, never each for the other.
    open.sort_unstable_by_key(|process| process.process_id);
    let mut conflicts = Conflicts::default();
    while !open.is_empty() {
        match keep_once(store, &open, now_ms, manner).await {
            Ok(kept) => {
                submitted.cancelled.extend(kept.cancelled);
                let new = open.iter().filter(|process| kept.ids.contains(&process.process_id));
                answers.extend(new.map(|process| (process.process_id, checks::submitted_new(process, kept.now_ms))));
                let running = SubmitResult::New { state: ProcessState::Running };
                answers.extend(kept.leased.iter().map(|lease| (lease.process_id, running)));
                submitted.leased.extend(kept.leased);
                open.retain(|process| !kept.ids.contains(&process.process_id));
            }
            Err(Fault::Conflict(_)) if conflicts.again() => continue,
            Err(fault) => return Err(fault.into()),
        }
        if !open.is_empty() {
            // Insert first, look up afterwards: the other way round another broker could insert in between. Most items are new, and need
            // no second statement.
            answers.extend(known(store, &open, now_ms).await?);
            open.retain(|process| !answers.contains_key(&process.process_id));
            if !open.is_empty() && !conflicts.again() {
                return Err(Fault::Conflict("a submitted process was neither kept nor found".to_owned()).into());
            }
        }
    }
    let answers = checks::in_order(processes, |process| process.process_id, &answers)
        .into_iter()
        .map(|answer| answer.ok_or_else(|| StoreError::Refused("a submitted process got no answer".to_owned())))
        .collect::<StoreResult<_>>()?;
    submitted.answers = checks::with_cancelled(processes, answers, &submitted.cancelled);
    Ok(submitted)
}

/// Processes that one statement, or transaction, stored.
struct Kept {
    /// The time by which they were stored.
    now_ms: i64,
    ids: HashSet<Uuid>,
    cancelled: Vec<(ColonyKey, Uuid)>,
    leased: Vec<ClaimedLease>,
}

/// Stores the items in one statement or, if limits may cancel something, in one transaction.
async fn keep_once(
    store: &PostgresStore,
    open: &[&NewProcess],
    now_ms: i64,
    manner: Manner<'_>,
) -> Result<Kept, Fault> {
    let mut session = store.session().await?;
    // A single statement is a transaction by itself, and saves two round trips.
    match manner {
        Manner::Plain => keep(&mut session, &store.batches, open, now_ms, None).await,
        // The time is read after the wait for the connection.
        Manner::HandedOver(hand_over, clock) => {
            keep(&mut session, &store.batches, open, clock.now_ms(), Some(hand_over)).await
        }
        Manner::Limited => {
            session.begin().await?;
            let kept = keep_within_limits(&mut session, &store.batches, open, now_ms).await;
            session.end(kept).await
        }
    }
}

async fn keep_within_limits(
    session: &mut Session,
    batches: &BatchCache,
    open: &[&NewProcess],
    now_ms: i64,
) -> Result<Kept, Fault> {
    let keyed = open.iter().filter(|process| process.concurrency_key.is_some());
    // In one order at every broker, because the locks of several colonies are held together.
    let colonies: BTreeSet<ColonyKey> = keyed.map(|process| process.colony).collect();
    let mut limits = limits::of_keys(session, &colonies).await?;
    if !overflow::limited_keys(open.iter().copied(), &limits).is_empty() {
        // Only if a limit that cancels applies, because the lock makes the colony's claims wait.
        for colony in &colonies {
            limits::lock(session, *colony).await?;
        }
        // Read again under the lock: the limits may have changed before it was granted.
        limits = limits::of_keys(session, &colonies).await?;
    }
    let mut kept = keep(session, batches, open, now_ms, None).await?;
    // Only new processes count: one that existed before was held to the limit by its own submit.
    let new = open.iter().copied().filter(|process| kept.ids.contains(&process.process_id));
    for limited_key in overflow::limited_keys(new, &limits) {
        let dropped = limits::cancel(session, &limited_key, now_ms).await?;
        kept.cancelled.extend(dropped.into_iter().map(|process_id| (limited_key.colony, process_id)));
    }
    Ok(kept)
}

async fn keep(
    session: &mut Session,
    batches: &BatchCache,
    open: &[&NewProcess],
    now_ms: i64,
    hand_over: Option<&HandOver<'_>>,
) -> Result<Kept, Fault> {
    let leases = column(open, |process| hand_over?.lease(process, now_ms));
    let packed = pack(open, |process| &process.signature, |process| process.digest);
    let (keys, signed) = signatures::columns(&packed);
    let insert = query(sql!("processes/submit.sql"))
        .bind(column(open, |process| process.process_id))
        .bind(column(open, |process| process.colony.0))
        .bind(column(open, |process| process.submitter.0))
        .bind(column(open, |process| process.priority_time_us))
        .bind(column(open, |process| process.max_wait_ms))
        .bind(column(open, |process| process.max_exec_ms))
        .bind(column(open, |process| process.submitted_at_ms))
        .bind(column(open, |process| process.priority))
        .bind(column(open, |process| process.max_retries))
        .bind(column(open, |process| process.function.as_str()))
        .bind(column(open, |process| process.executor_type.as_str()))
        .bind(column(open, |process| checks::json_if_any(&process.executor_names, process.executor_names.is_empty())))
        .bind(column(open, |process| checks::json_if_any(&process.labels, process.labels.is_empty())))
        .bind(column(open, |process| process.not_before_ms))
        .bind(column(open, |process| process.idempotency.as_ref().map(|(key, _)| key.as_str())))
        .bind(column(open, |process| process.idempotency.as_ref().map(|(_, expires_at_ms)| *expires_at_ms)))
        .bind(column(open, |process| process.digest.0.as_slice()))
        .bind(column(&packed.signatures, |signature| &signature[..]))
        .bind(column(open, |process| documents::pack(&process.payload)))
        .bind(column(open, |process| checks::json_if_any(&process.requires, process.requires.is_empty())))
        .bind(column(open, |process| process.concurrency_key.as_deref()))
        .bind(column(open, |process| process.rate_key.as_deref()))
        .bind(column(open, |process| process.submit_by_ms))
        .bind(now_ms)
        .bind(column(open, |process| checks::json_if_any(&process.parents, process.parents.is_empty())))
        .bind(keys)
        .bind(signed)
        .bind(column(&leases, |lease| lease.as_ref().map(|lease| lease.claimed.executor.0)))
        .bind(column(&leases, |lease| lease.as_ref().map(|lease| lease.claimed.expires_at_ms)))
        .bind(hand_over.map(|hand_over| hand_over.lane().colony.0))
        .bind(hand_over.map(|hand_over| hand_over.lane().executor_type.as_str()))
        .bind(hand_over.map(HandOver::names))
        .bind(hand_over.map(|hand_over| grants_of(hand_over.slots())))
        .bind(column(&leases, |lease| lease.as_ref()?.instance));
    let kept = session.changes(insert).await?;
    packed.batches.into_iter().for_each(|batch| batches.add(batch.key, batch.batch));
    let ids: HashSet<Uuid> = super::process_ids(&kept)?.into_iter().collect();
    let is_handed_over = kept.first().map_or(Ok(false), |row| rows::is_handed_over(row))?;
    let claimed = leases.into_iter().flatten().map(|lease| lease.claimed);
    let leased = claimed.filter(|lease| is_handed_over && ids.contains(&lease.process_id));
    Ok(Kept { now_ms, leased: leased.collect(), ids, cancelled: Vec::new() })
}

async fn known(
    store: &PostgresStore,
    open: &[&NewProcess],
    now_ms: i64,
) -> StoreResult<impl Iterator<Item = (Uuid, SubmitResult)> + use<>> {
    let select = query(sql!("processes/submit_known.sql"))
        .bind(column(open, |process| process.process_id))
        .bind(column(open, |process| process.colony.0))
        .bind(column(open, |process| process.function.as_str()))
        .bind(column(open, |process| process.idempotency.as_ref().map(|(key, _)| key.as_str())))
        .bind(column(open, |process| process.digest.0.as_slice()))
        .bind(now_ms)
        .bind(column(open, |process| process.submitter.0));
    let found = store.session().await?.rows(select).await?;
    let known = found.iter().map(|row| rows::known_process(row)).collect::<StoreResult<Vec<_>>>()?;
    Ok(known.into_iter().filter_map(|(process_id, answer)| answer.map(|answer| (process_id, answer))))
}
