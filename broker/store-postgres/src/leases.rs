//! Leases in Postgres.

use std::collections::HashMap;

use apiary_database::{query, sql};
use apiary_identity::{Clock, Digest, Document as _, Outcome};
use apiary_store::limits::CLAIM_SCAN_ROWS_MAX;
use apiary_store::matching::assignment::{Assignment, Candidate, Continuation};
use apiary_store::matching::restrictions::{self, LaneRestrictions};
use apiary_store::model::{
    ClaimResult, ClaimSlot, Completion, Failure, InstanceLease, Lane, LeaseEnd, LeaseRecord, Release, Renewal,
    RenewedLease, SpecRecord,
};
use apiary_store::signatures::{BatchCache, PackedSignatures, pack};
use apiary_store::{LeaseStore, StoreResult, checks, documents, rows};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::fault::{Fault, until_settled};
use crate::session::Session;
use crate::{PostgresStore, column, limits, plain, signatures};

#[async_trait::async_trait]
impl LeaseStore for PostgresStore {
    async fn claim(&self, lane: &Lane, slots: &[ClaimSlot], clock: &dyn Clock) -> StoreResult<ClaimResult> {
        if slots.is_empty() {
            return Ok(ClaimResult::default());
        }
        if let Some(claims) = plain::claim(self, lane, slots, clock).await? {
            return Ok(claims);
        }
        let mut continuation = None;
        loop {
            // A new transaction for each part of a long scan, so that its locks on rows and limits never last long.
            let (claims, further) = until_settled!(claim_once(self, lane, slots, clock, continuation.as_ref()))?;
            continuation = further;
            if continuation.is_none() {
                return Ok(claims);
            }
        }
    }

    async fn renew(&self, renewals: &[Renewal], now_ms: i64) -> StoreResult<Vec<Option<RenewedLease>>> {
        if renewals.is_empty() {
            return Ok(Vec::new());
        }
        // Sorted for the locks; the answers go back into the order of the items below.
        let sorted = sorted(renewals, |renewal| renewal.lease.process_id);
        let renewed: HashMap<Uuid, RenewedLease> = until_settled!(async {
            let update = query(sql!("leases/renew.sql"))
                .bind(column(&sorted, |renewal| renewal.lease.process_id))
                .bind(column(&sorted, |renewal| renewal.lease.attempt))
                .bind(column(&sorted, |renewal| renewal.lease.executor.0))
                .bind(column(&sorted, |renewal| renewal.expires_at_ms))
                .bind(now_ms);
            let found = self.session().await?.changes(update).await?;
            Ok::<_, Fault>(found.iter().map(|row| rows::renewed(row)).collect::<StoreResult<_>>()?)
        })?;
        Ok(checks::in_order(renewals, |renewal| renewal.lease.process_id, &renewed))
    }

    async fn leases(&self, process_ids: &[Uuid]) -> StoreResult<Vec<LeaseRecord>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/get.sql")).bind(process_ids);
        self.session().await?.rows(select).await?.iter().map(|row| rows::lease_record(row)).collect()
    }

    async fn leases_of_instances(&self, instances: &[i64]) -> StoreResult<Vec<InstanceLease>> {
        let select = query(sql!("leases/of_instances.sql")).bind(instances);
        self.session().await?.rows(select).await?.iter().map(|row| rows::instance_lease(row)).collect()
    }

    async fn waiting_lanes(&self, lanes: &[Lane]) -> StoreResult<Vec<Lane>> {
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/waiting_lanes.sql"))
            .bind(column(lanes, |lane| lane.colony.0))
            .bind(column(lanes, |lane| lane.executor_type.as_str()));
        self.session().await?.rows(select).await?.iter().map(|row| rows::lane(row)).collect()
    }

    async fn specs(&self, process_ids: &[Uuid]) -> StoreResult<Vec<SpecRecord>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/specs.sql")).bind(process_ids);
        self.session().await?.rows(select).await?.iter().map(|row| rows::spec_record(row)).collect()
    }

    async fn complete(&self, completions: &[Completion], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        if completions.is_empty() {
            return Ok(Vec::new());
        }
        let results = Results::pack(completions);
        let ended = until_settled!(async { complete(&mut self.session().await?, &results, now_ms).await })?;
        Ok(checks::ended(completions, |completion| completion.lease.process_id, &ended))
    }

    async fn complete_and_claim(
        &self,
        completions: &[Completion],
        now_ms: i64,
        lane: &Lane,
        slots: &[ClaimSlot],
        clock: &dyn Clock,
    ) -> StoreResult<(Vec<LeaseEnd>, Option<ClaimResult>)> {
        // No other claim: the lock of a colony's limits would be held, and waited for, by everybody's results.
        let Some(plain) = plain::of(self, lane, slots) else {
            return Ok((self.complete(completions, now_ms).await?, None));
        };
        let results = Results::pack(completions);
        let (ended, claims) = until_settled!(async {
            let mut session = self.session().await?;
            session.begin().await?;
            let both = async {
                let ended = complete(&mut session, &results, now_ms).await?;
                let claims = plain::claim_within(&mut session, self, lane, slots, &plain, clock).await?;
                Ok::<_, Fault>((ended, claims))
            };
            let both = both.await;
            session.end(both).await
        })?;
        Ok((checks::ended(completions, |completion| completion.lease.process_id, &ended), claims))
    }

    async fn fail(&self, failures: &[Failure], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        if failures.is_empty() {
            return Ok(Vec::new());
        }
        // Checked before the statement, which trusts the word of the next state.
        checks::check_failures(failures)?;
        let sorted = sorted(failures, |failure| failure.lease.process_id);
        let payloads = column(&sorted, |failure| failure.result.as_ref().map(|(payload, _)| documents::pack(payload)));
        let ended = until_settled!(async {
            let statement = query(sql!("leases/fail.sql"))
                .bind(column(&sorted, |failure| failure.lease.process_id))
                .bind(column(&sorted, |failure| failure.lease.attempt))
                .bind(column(&sorted, |failure| failure.lease.executor.0))
                .bind(column(&sorted, |failure| failure.only_if_over_at_ms))
                .bind(column(&sorted, |failure| failure.ending.as_str()))
                .bind(column(&sorted, |failure| checks::storable(&failure.reason).into_owned()))
                .bind(&payloads)
                .bind(column(&sorted, |failure| failure.result.as_ref().map(|(_, signature)| signature.as_bytes())))
                .bind(column(&sorted, |failure| failure.next.as_str()))
                .bind(column(&sorted, |failure| failure.blocked_until_ms))
                .bind(column(&sorted, |failure| failure.retries_spent))
                .bind(now_ms);
            Ok::<_, Fault>(lease_ends(&self.session().await?.changes(statement).await?)?)
        })?;
        Ok(checks::ended(failures, |failure| failure.lease.process_id, &ended))
    }

    async fn release(&self, releases: &[Release], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        if releases.is_empty() {
            return Ok(Vec::new());
        }
        let sorted = sorted(releases, |release| release.lease.process_id);
        let ended = until_settled!(async {
            let statement = query(sql!("leases/release.sql"))
                .bind(column(&sorted, |release| release.lease.process_id))
                .bind(column(&sorted, |release| release.lease.attempt))
                .bind(column(&sorted, |release| release.lease.executor.0))
                .bind(column(&sorted, |release| release.ending.as_str()))
                .bind(column(&sorted, |release| release.until_ms))
                .bind(now_ms)
                .bind(column(&sorted, |release| release.reason.as_deref().map(checks::storable)))
                .bind(column(&sorted, |release| release.surroundings.as_deref()));
            Ok::<_, Fault>(lease_ends(&self.session().await?.changes(statement).await?)?)
        })?;
        Ok(checks::ended(releases, |release| release.lease.process_id, &ended))
    }
}

/// Results as they are written, made once, however often the statement must be repeated.
struct Results<'a> {
    sorted: Vec<&'a Completion>,
    payloads: Vec<Vec<u8>>,
    packed: PackedSignatures,
}

impl<'a> Results<'a> {
    fn pack(completions: &'a [Completion]) -> Self {
        let sorted = sorted(completions, |completion| completion.lease.process_id);
        let digest = |completion: &&Completion| Digest::of(Outcome::PAYLOAD_TYPE, &completion.payload);
        let packed = pack(&sorted, |completion| &completion.signature, digest);
        let payloads = column(&sorted, |completion| documents::pack(&completion.payload));
        Self { sorted, payloads, packed }
    }
}

/// Ends attempts with success; returns those that it ended.
async fn complete(session: &mut Session, results: &Results<'_>, now_ms: i64) -> Result<HashMap<Uuid, LeaseEnd>, Fault> {
    let Results { sorted, payloads, packed } = results;
    let (keys, signed) = signatures::columns(packed);
    let statement = query(sql!("leases/complete.sql"))
        .bind(column(sorted, |completion| completion.lease.process_id))
        .bind(column(sorted, |completion| completion.lease.attempt))
        .bind(column(sorted, |completion| completion.lease.executor.0))
        .bind(payloads)
        .bind(column(&packed.signatures, |signature| &signature[..]))
        .bind(now_ms)
        .bind(keys)
        .bind(signed);
    Ok(lease_ends(&session.changes(statement).await?)?)
}

/// Runs one transaction of a claim; returns also the state to continue with in the next.
async fn claim_once(
    store: &PostgresStore,
    lane: &Lane,
    slots: &[ClaimSlot],
    clock: &dyn Clock,
    continuation: Option<&Continuation>,
) -> Result<(ClaimResult, Option<Continuation>), Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    let claimed = lease(&mut session, &store.batches, lane, slots, clock, continuation).await;
    // A failure ends here and now: until then the claimed rows stay locked, and every other claim passes them over.
    session.end(claimed).await
}

async fn lease(
    session: &mut Session,
    batches: &BatchCache,
    lane: &Lane,
    slots: &[ClaimSlot],
    clock: &dyn Clock,
    continuation: Option<&Continuation>,
) -> Result<(ClaimResult, Option<Continuation>), Fault> {
    // Read inside this transaction and before any row of `queue`: a pause that was committed before the claim is always seen.
    let restrictions = restrictions(session, lane, slots).await?;
    let mut assignment = Assignment::new(slots, restrictions);
    // The lock of the colony's limits only if they matter here: it makes the colony's claims take turns.
    if assignment.is_limited() {
        assignment = assignment.within(limits::allowance(session, lane, clock).await?);
    }
    if let Some(continuation) = continuation {
        assignment = assignment.resuming(continuation);
    }
    scan_lane(session, lane, &mut assignment).await?;
    let matches = assignment.matches();
    if matches.is_empty() {
        // Nothing to write: the commit that follows only frees the locks of the rows that were read.
        let continuation = assignment.continuation();
        return Ok((assignment.empty_result(), continuation));
    }
    // The time is read now, after all waits for connections and locks, so that no lease is shortened by them.
    let statement = query(sql!("leases/claim.sql"))
        .bind(column(matches, |one| one.process_id))
        .bind(column(matches, |one| one.executor.0))
        .bind(column(matches, |one| slots[one.slot].lease_ms))
        .bind(clock.now_ms())
        .bind(column(matches, |one| slots[one.slot].instance));
    let leased = session.changes(statement).await?;
    // In the same transaction: a rollback gives the tokens back with the leases.
    limits::spend(session, lane.colony, &assignment.token_uses()).await?;
    let mut claims = assignment.claims(&leased)?;
    signatures::unpack_claimed(session, batches, &mut claims.claimed).await?;
    Ok((claims, None))
}

/// Reads the conditions that stop the lane's work now.
async fn restrictions(session: &mut Session, lane: &Lane, slots: &[ClaimSlot]) -> Result<LaneRestrictions, Fault> {
    let select = query(sql!("leases/claim_restrictions.sql"))
        .bind(lane.colony.0)
        .bind(&lane.executor_type)
        .bind(restrictions::grants_of(slots));
    let found = session.rows(select).await?;
    Ok(found.iter().map(|row| rows::restriction(row)).collect::<StoreResult<_>>()?)
}

/// Scans the lane in its order until the slots are full, or no further work could suit one of them.
async fn scan_lane(session: &mut Session, lane: &Lane, assignment: &mut Assignment<'_>) -> Result<(), Fault> {
    loop {
        prepare_scan(session, lane, assignment).await?;
        let Some(scan) = assignment.next_scan() else { return Ok(()) };
        let select = query(sql!("leases/claim_candidates.sql"))
            .bind(lane.colony.0)
            .bind(&lane.executor_type)
            .bind(&scan.names)
            .bind(&scan.functions)
            .bind(&scan.prefixes)
            .bind(&scan.closed_functions)
            .bind(&scan.refused_sorts)
            .bind(scan.after.0)
            .bind(scan.after.1)
            .bind(i64::try_from(scan.most).unwrap_or(i64::MAX))
            .bind(scan.with_keys)
            .bind(&scan.full_concurrency_keys)
            .bind(&scan.spent_rate_keys)
            .bind(scan.until.0)
            .bind(scan.until.1);
        let found = session.rows(select).await?;
        // Candidates of one page share one count of their limits: a count for each would cost a round trip each.
        let found: Vec<Candidate> = found.iter().map(|row| rows::candidate(row)).collect::<StoreResult<_>>()?;
        assignment.count(limits::uses(session, lane.colony, &assignment.uncounted(&found)).await?);
        assignment.assign(&scan, &found);
    }
}

/// Prepares a scan past work that nobody can take: measures where this transaction ends, and reads the keys to leave out.
async fn prepare_scan(session: &mut Session, lane: &Lane, assignment: &mut Assignment<'_>) -> Result<(), Fault> {
    if let Some(after) = assignment.asks_for_end() {
        let select = query(sql!("leases/claim_end.sql"))
            .bind(lane.colony.0)
            .bind(&lane.executor_type)
            .bind(after.0)
            .bind(after.1)
            .bind(CLAIM_SCAN_ROWS_MAX - 1);
        let end = session.row(select).await?.map(|row| rows::place(&row)).transpose()?;
        assignment.end_at(end);
    }
    if assignment.asks_for_keys() {
        assignment.count_keys(limits::keys(session, lane.colony).await?);
    }
    Ok(())
}

/// Reads the results for the leases that a statement ended. A lease without a row is lost.
fn lease_ends(found: &[PgRow]) -> StoreResult<HashMap<Uuid, LeaseEnd>> {
    found.iter().map(|row| rows::lease_end(row)).collect()
}

/// Sorts items by their process. One order of rows at all brokers makes deadlocks rare; transactions that still deadlock are run again.
fn sorted<T>(items: &[T], process_id: impl Fn(&T) -> Uuid) -> Vec<&T> {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_unstable_by_key(|item| process_id(item));
    sorted
}
