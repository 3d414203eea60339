//! Leases in SQLite.

use std::collections::{HashMap, HashSet};

use apiary_database::{query, sql};
use apiary_identity::Clock;
use apiary_store::limits::CLAIM_SCAN_ROWS_MAX;
use apiary_store::matching::assignment::{Assignment, Candidate, Continuation};
use apiary_store::matching::restrictions::{self, LaneRestrictions};
use apiary_store::model::{
    ClaimResult, ClaimSlot, Completion, Failure, InstanceLease, Lane, LeaseEnd, LeaseRecord, Release, Renewal,
    RenewedLease, SpecRecord,
};
use apiary_store::{LeaseStore, StoreResult, checks, rows};
use uuid::Uuid;

use crate::batch::{
    ClaimItem, CompletionItem, Documents, FailureItem, ReleaseItem, RenewalItem, ids, list, list_if_any,
};
use crate::transaction::{Write, read};
use crate::{SqliteStore, limits, process_ids};

#[async_trait::async_trait]
impl LeaseStore for SqliteStore {
    async fn claim(&self, lane: &Lane, slots: &[ClaimSlot], clock: &dyn Clock) -> StoreResult<ClaimResult> {
        if slots.is_empty() {
            return Ok(ClaimResult::default());
        }
        let mut continuation = None;
        loop {
            // A new transaction for each part of a long scan: in between, others get the one writer.
            match claim_once(self, lane, slots, clock, continuation.as_ref()).await? {
                ClaimStep::Made(claims) => return Ok(claims),
                ClaimStep::Cut(further) => continuation = further,
            }
        }
    }

    async fn renew(&self, renewals: &[Renewal], now_ms: i64) -> StoreResult<Vec<Option<RenewedLease>>> {
        if renewals.is_empty() {
            return Ok(Vec::new());
        }
        let items = list(renewals.iter().map(RenewalItem::new))?;
        let mut write = Write::begin(&self.writer).await?;
        let found = write.rows(query(sql!("leases/renew.sql")).bind(items).bind(now_ms)).await?;
        let renewed = found.iter().map(|row| rows::renewed(row)).collect::<StoreResult<_>>()?;
        write.commit().await?;
        Ok(checks::in_order(renewals, |renewal| renewal.lease.process_id, &renewed))
    }

    async fn leases(&self, process_ids: &[Uuid]) -> StoreResult<Vec<LeaseRecord>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/get.sql")).bind(ids(process_ids)?);
        read(&self.readers, select).await?.iter().map(|row| rows::lease_record(row)).collect()
    }

    async fn leases_of_instances(&self, instances: &[i64]) -> StoreResult<Vec<InstanceLease>> {
        let select = query(sql!("leases/of_instances.sql")).bind(list(instances)?);
        read(&self.readers, select).await?.iter().map(|row| rows::instance_lease(row)).collect()
    }

    async fn waiting_lanes(&self, lanes: &[Lane]) -> StoreResult<Vec<Lane>> {
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/waiting_lanes.sql"))
            .bind(list(lanes.iter().map(|lane| (lane.colony.0, &lane.executor_type)))?);
        read(&self.readers, select).await?.iter().map(|row| rows::lane(row)).collect()
    }

    async fn specs(&self, process_ids: &[Uuid]) -> StoreResult<Vec<SpecRecord>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/specs.sql")).bind(ids(process_ids)?);
        read(&self.readers, select).await?.iter().map(|row| rows::spec_record(row)).collect()
    }

    async fn complete(&self, completions: &[Completion], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        if completions.is_empty() {
            return Ok(Vec::new());
        }
        let results = Results::list(completions)?;
        let mut write = Write::begin(&self.writer).await?;
        let ends = complete(&mut write, results, now_ms).await?;
        // If every lease was lost, the transaction is dropped without a commit, which spares the `fsync`.
        if !ends.is_empty() {
            write.commit().await?;
        }
        Ok(checks::ended(completions, |completion| completion.lease.process_id, &ends))
    }

    async fn complete_and_claim(
        &self,
        completions: &[Completion],
        now_ms: i64,
        lane: &Lane,
        slots: &[ClaimSlot],
        clock: &dyn Clock,
    ) -> StoreResult<(Vec<LeaseEnd>, Option<ClaimResult>)> {
        let results = Results::list(completions)?;
        let mut write = Write::begin(&self.writer).await?;
        let ends = complete(&mut write, results, now_ms).await?;
        // No more than a page: everybody's results wait for it.
        let claims = match lease(&mut write, lane, slots, clock, Scan { from: None, pages_max: 1 }).await? {
            ClaimStep::Made(claims) => Some(claims),
            ClaimStep::Cut(_) => None,
        };
        if !ends.is_empty() || claims.as_ref().is_some_and(|claims| !claims.claimed.is_empty()) {
            write.commit().await?;
        }
        Ok((checks::ended(completions, |completion| completion.lease.process_id, &ends), claims))
    }

    async fn fail(&self, failures: &[Failure], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        if failures.is_empty() {
            return Ok(Vec::new());
        }
        // Checked before the statements, which trust the word of the next state.
        checks::check_failures(failures)?;
        let mut documents = Documents::default();
        let items = list(failures.iter().map(|failure| FailureItem::new(failure, Some(&mut documents))))?;
        let mut write = Write::begin(&self.writer).await?;
        let keep = query(sql!("leases/fail.sql")).bind(items).bind(documents.into_bytes()).bind(now_ms);
        let ended = process_ids(&write.rows(keep).await?)?;
        if ended.is_empty() {
            return Ok(vec![LeaseEnd::Lost; failures.len()]);
        }
        // Only items whose lease ended: the steps below join with `leases`, where the lease of a lost item may still be, held by
        // another attempt.
        let set: HashSet<&Uuid> = ended.iter().collect();
        let routed = failures.iter().filter(|failure| set.contains(&failure.lease.process_id));
        // Without the results: the first statement has stored them, and these steps do not read them.
        let items = list(routed.map(|failure| FailureItem::new(failure, None)))?;
        for statement in [sql!("steps/fail_wait.sql"), sql!("steps/fail_block.sql"), sql!("steps/fail_finish.sql")] {
            write.changed(query(statement).bind(items.clone()).bind(now_ms)).await?;
        }
        let ends = end(&mut write, &ended, now_ms).await?;
        write.commit().await?;
        Ok(checks::ended(failures, |failure| failure.lease.process_id, &ends))
    }

    async fn release(&self, releases: &[Release], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        if releases.is_empty() {
            return Ok(Vec::new());
        }
        let items = list(releases.iter().map(ReleaseItem::new))?;
        let mut write = Write::begin(&self.writer).await?;
        let keep = query(sql!("leases/release.sql")).bind(items).bind(now_ms);
        let ended = process_ids(&write.rows(keep).await?)?;
        if ended.is_empty() {
            return Ok(vec![LeaseEnd::Lost; releases.len()]);
        }
        let set: HashSet<&Uuid> = ended.iter().collect();
        let routed = releases.iter().filter(|release| set.contains(&release.lease.process_id));
        let items = list(routed.map(ReleaseItem::new))?;
        for statement in [sql!("steps/release_wait.sql"), sql!("steps/release_block.sql")] {
            write.changed(query(statement).bind(items.clone()).bind(now_ms)).await?;
        }
        let ends = end(&mut write, &ended, now_ms).await?;
        write.commit().await?;
        Ok(checks::ended(releases, |release| release.lease.process_id, &ends))
    }
}

/// Runs one transaction of a claim.
async fn claim_once(
    store: &SqliteStore,
    lane: &Lane,
    slots: &[ClaimSlot],
    clock: &dyn Clock,
    continuation: Option<&Continuation>,
) -> StoreResult<ClaimStep> {
    let mut write = Write::begin(&store.writer).await?;
    let step = lease(&mut write, lane, slots, clock, Scan { from: continuation, pages_max: usize::MAX }).await?;
    // Where nothing was written, dropping the transaction is enough: a claim without work costs no `fsync`.
    if matches!(&step, ClaimStep::Made(claims) if !claims.claimed.is_empty()) {
        write.commit().await?;
    }
    Ok(step)
}

/// Outcome of one transaction of a claim.
enum ClaimStep {
    /// The claim, with or without leases.
    Made(ClaimResult),
    /// Nothing yet: there is more to read, and perhaps a place to continue from.
    Cut(Option<Continuation>),
}

/// The part of a lane that one transaction scans.
struct Scan<'a> {
    /// The state that an earlier transaction left.
    from: Option<&'a Continuation>,
    /// The most pages.
    pages_max: usize,
}

/// Claims within a transaction.
async fn lease(
    write: &mut Write,
    lane: &Lane,
    slots: &[ClaimSlot],
    clock: &dyn Clock,
    scan: Scan<'_>,
) -> StoreResult<ClaimStep> {
    // Read inside the transaction: a pause that was committed before the claim is always seen.
    let mut assignment = Assignment::new(slots, restrictions(write, lane, slots).await?);
    if assignment.is_limited() {
        assignment = assignment.within(limits::allowance(write, lane, clock).await?);
    }
    if let Some(continuation) = scan.from {
        assignment = assignment.resuming(continuation);
    }
    let is_cut = scan_lane(write, lane, &mut assignment, scan.pages_max).await?;
    if assignment.matches().is_empty() {
        return Ok(match assignment.continuation() {
            None if !is_cut => ClaimStep::Made(assignment.empty_result()),
            continuation => ClaimStep::Cut(continuation),
        });
    }
    let items = list(assignment.matches().iter().map(|one| ClaimItem::new(one, &slots[one.slot])))?;
    // The time is read now, after the wait for the writer, so that no lease is shortened by it.
    write.changed(query(sql!("leases/claim.sql")).bind(items.clone()).bind(clock.now_ms())).await?;
    let waited = write.rows(query(sql!("steps/claim_unqueue.sql")).bind(items.clone())).await?;
    let waited: HashMap<Uuid, i64> = waited.iter().map(|row| rows::waiting_since(row)).collect::<StoreResult<_>>()?;
    let leased = write.rows(query(sql!("steps/claim_leased.sql")).bind(items)).await?;
    limits::spend(write, lane.colony, &assignment.token_uses()).await?;
    // Before the commit: a lease that could not be made is an error, and the transaction is rolled back.
    let mut claims = assignment.claims(&leased)?;
    claims.claimed.iter_mut().for_each(|lease| lease.waiting_since_ms = waited.get(&lease.process_id).copied());
    let is_lane_empty = leased.first().map(|row| rows::is_lane_empty(row)).transpose()?.unwrap_or_default();
    let has_more = claims.has_more || is_cut;
    Ok(ClaimStep::Made(ClaimResult { is_lane_empty, has_more, ..claims }))
}

/// Reads the conditions that stop the lane's work now.
pub(super) async fn restrictions(write: &mut Write, lane: &Lane, slots: &[ClaimSlot]) -> StoreResult<LaneRestrictions> {
    let select = query(sql!("leases/claim_restrictions.sql"))
        .bind(lane.colony.0)
        .bind(&lane.executor_type)
        .bind(list(restrictions::grants_of(slots))?);
    write.rows(select).await?.iter().map(|row| rows::restriction(row)).collect()
}

/// Scans the lane in its order until the slots are full, or no further work could suit one of them; returns true if it was cut at
/// `pages_max`.
async fn scan_lane(
    write: &mut Write,
    lane: &Lane,
    assignment: &mut Assignment<'_>,
    pages_max: usize,
) -> StoreResult<bool> {
    let mut pages = 0;
    loop {
        prepare_scan(write, lane, assignment).await?;
        let Some(scan) = assignment.next_scan() else { return Ok(false) };
        if pages == pages_max {
            return Ok(true);
        }
        pages += 1;
        let select = query(sql!("leases/claim_candidates.sql"))
            .bind(lane.colony.0)
            .bind(&lane.executor_type)
            .bind(list(&scan.names)?)
            .bind(scan.functions.as_ref().map(list).transpose()?)
            .bind(list(&scan.prefixes)?)
            .bind(list_if_any(&scan.closed_functions)?)
            .bind(list_if_any(&scan.refused_sorts)?)
            .bind(scan.after.0)
            .bind(scan.after.1)
            .bind(i64::try_from(scan.most).unwrap_or(i64::MAX))
            .bind(scan.with_keys)
            .bind(list_if_any(&scan.full_concurrency_keys)?)
            .bind(list_if_any(&scan.spent_rate_keys)?)
            .bind(scan.until.0)
            .bind(scan.until.1);
        let found = write.rows(select).await?;
        let found: Vec<Candidate> = found.iter().map(|row| rows::candidate(row)).collect::<StoreResult<_>>()?;
        assignment.count(limits::uses(write, lane.colony, &assignment.uncounted(&found)).await?);
        assignment.assign(&scan, &found);
    }
}

/// Prepares a scan past work that nobody can take: measures where this transaction ends, and reads the keys to leave out.
async fn prepare_scan(write: &mut Write, lane: &Lane, assignment: &mut Assignment<'_>) -> StoreResult<()> {
    if let Some(after) = assignment.asks_for_end() {
        let select = query(sql!("leases/claim_end.sql"))
            .bind(lane.colony.0)
            .bind(&lane.executor_type)
            .bind(after.0)
            .bind(after.1)
            .bind(CLAIM_SCAN_ROWS_MAX - 1);
        let end = write.rows(select).await?.first().map(|row| rows::place(row)).transpose()?;
        assignment.end_at(end);
    }
    if assignment.asks_for_keys() {
        assignment.count_keys(limits::keys(write, lane.colony).await?);
    }
    Ok(())
}

/// Results as they are written, made before the one writer is taken.
struct Results {
    items: String,
    documents: Vec<u8>,
}

impl Results {
    fn list(completions: &[Completion]) -> StoreResult<Self> {
        let mut documents = Documents::default();
        let items = list(completions.iter().map(|completion| CompletionItem::new(completion, &mut documents)))?;
        Ok(Self { items, documents: documents.into_bytes() })
    }
}

/// Ends attempts with success; returns those that it ended.
async fn complete(write: &mut Write, results: Results, now_ms: i64) -> StoreResult<HashMap<Uuid, LeaseEnd>> {
    let keep = query(sql!("leases/complete.sql")).bind(results.items).bind(results.documents).bind(now_ms);
    let ended = process_ids(&write.rows(keep).await?)?;
    if ended.is_empty() {
        return Ok(HashMap::new());
    }
    let finish = query(sql!("steps/complete_finish.sql")).bind(ids(&ended)?).bind(now_ms);
    write.changed(finish).await?;
    end(write, &ended, now_ms).await
}

/// Finishes processes whose cancellation was requested, and deletes the leases; returns the result for each.
async fn end(write: &mut Write, ended: &[Uuid], now_ms: i64) -> StoreResult<HashMap<Uuid, LeaseEnd>> {
    // After the steps that finish, block or queue: they leave out leases with a cancellation, so each process enters one table. The
    // leases are deleted last, because every step reads them.
    let finish = query(sql!("steps/end_cancelled.sql")).bind(ids(ended)?).bind(now_ms);
    let cancelled = process_ids(&write.rows(finish).await?)?;
    write.changed(query(sql!("steps/end.sql")).bind(ids(ended)?)).await?;
    let mut ends: HashMap<Uuid, LeaseEnd> = ended.iter().map(|process_id| (*process_id, LeaseEnd::Done)).collect();
    ends.extend(cancelled.into_iter().map(|process_id| (process_id, LeaseEnd::Cancelled)));
    Ok(ends)
}
