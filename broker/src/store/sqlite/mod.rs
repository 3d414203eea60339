//! The store in one SQLite file, for one broker. The same tables and the same statements, method for method, as in
//! Postgres; one connection writes, a few read.

mod batch;
mod bulks;
mod colonies;
mod dependencies;
mod executors;
mod explain;
mod fault;
mod file;
mod grants;
mod leases;
mod limits;
mod operations;
mod pauses;
mod processes;
mod running;
mod schema;
mod store;
mod sweeps;
mod transaction;

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use apiary_identity::{Clock, Envelope, Grant, Id, Revocation};
use sqlx::sqlite::SqliteRow;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::checks::check_notification;
use super::{Store, StoreResult, rows};
use crate::model::{
    Announcement, Attached, Attempt, Attribute, AttributeBatch, Bulk, BulkState, BulkStep, Cancel, CheckpointSize,
    ClaimSlot, Claims, Colony, ColonyKey, Completion, Contact, Discard, Effect, ExecutorCursor, ExecutorFilter,
    ExecutorRecord, ExplainRecord, Failure, Forgettable, FunctionStatistics, GrantCursor, GrantKey, GrantRecord,
    Holders, Lane, LeaseEnd, LeaseRecord, LimitKind, LimitRecord, LimitUse, LogBatch, LogCursor, LogFilter, LogLine,
    NewProcess, Page, Parent, Pause, Paused, PendingRoom, ProcessCursor, ProcessFilter, ProcessRecord, ProcessState,
    ProcessSummary, Registration, Release, Renewal, Renewed, Report, Reported, Resubmission, RevokedGrant, Settled,
    SpecRecord, StoredGrant, StoredProgress, Submitted, Troubles, WaitingSort, WaitingType,
};

pub use store::SqliteStore;

#[async_trait::async_trait]
impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn migrate(&self) -> StoreResult<()> {
        schema::migrate(self).await
    }

    async fn check_schema(&self) -> StoreResult<()> {
        schema::check(self).await
    }

    async fn prove_writable(&self, age_max: Duration, now_ms: i64) -> StoreResult<()> {
        transaction::prove_writable(self, age_max, now_ms).await
    }

    async fn database_time_ms(&self) -> StoreResult<Option<i64>> {
        Ok(None)
    }

    async fn close(&self) {
        self.readers.close().await;
        // The last connection to close brings the write-ahead log into the file.
        self.writer.close().await;
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    async fn create_colony(&self, id: &Id, name: &str, now_ms: i64) -> StoreResult<Colony> {
        colonies::create(self, id, name, now_ms).await
    }

    async fn get_colony(&self, id: &Id) -> StoreResult<Option<Colony>> {
        colonies::get(self, id).await
    }

    async fn count_states(&self, colony: ColonyKey) -> StoreResult<Vec<(ProcessState, i64)>> {
        colonies::count_states(self, colony).await
    }

    async fn set_guard(&self, colony: &Colony, version: i64, envelope: &Envelope) -> StoreResult<()> {
        colonies::set_guard(self, colony, version, envelope).await
    }

    async fn get_guard(&self, colony: &Colony) -> StoreResult<Option<Envelope>> {
        colonies::get_guard(self, colony).await
    }

    async fn add_grant(&self, colony: &Colony, grant: &Grant, envelope: &Envelope, now_ms: i64) -> StoreResult<bool> {
        grants::add(self, colony, grant, envelope, now_ms).await
    }

    async fn grants_of_key(&self, colony: &Colony, key: &Id) -> StoreResult<Vec<GrantRecord>> {
        grants::of_key(self, colony, key).await
    }

    async fn grants_by_key(&self, keys: &[GrantKey]) -> StoreResult<Vec<StoredGrant>> {
        grants::by_key(self, keys).await
    }

    async fn list_grants(&self, colony: &Colony, page: Page<GrantCursor>) -> StoreResult<Vec<StoredGrant>> {
        grants::list_page(self, colony, page).await
    }

    async fn grants_of_keys(&self, colony: &Colony, keys: &[Id]) -> StoreResult<Vec<StoredGrant>> {
        grants::of_keys(self, colony, keys).await
    }

    async fn revoke_grant(
        &self,
        colony: &Colony,
        revocation: &Revocation,
        envelope: &Envelope,
        now_ms: i64,
    ) -> StoreResult<Vec<RevokedGrant>> {
        grants::revoke(self, colony, revocation, envelope, now_ms).await
    }

    async fn revoked_grants(&self, since_ms: i64, limit: i64) -> StoreResult<Vec<RevokedGrant>> {
        grants::list_revoked(self, since_ms, limit).await
    }

    async fn register_executor(
        &self,
        colony: ColonyKey,
        registration: &Registration,
        room: PendingRoom,
        now_ms: i64,
    ) -> StoreResult<bool> {
        executors::register(self, colony, registration, room, now_ms).await
    }

    async fn reject_executor(&self, colony: ColonyKey, key: &Id, now_ms: i64) -> StoreResult<bool> {
        executors::reject(self, colony, key, now_ms).await
    }

    async fn list_executors(
        &self,
        colony: ColonyKey,
        filter: &ExecutorFilter,
        page: Page<ExecutorCursor>,
        now_ms: i64,
    ) -> StoreResult<Vec<ExecutorRecord>> {
        executors::list(self, colony, filter, page, now_ms).await
    }

    async fn hear_executors(&self, contacts: &[Contact]) -> StoreResult<()> {
        executors::hear(self, contacts).await
    }

    async fn drain_executor(&self, colony: ColonyKey, name: &str, drained_by: &str, now_ms: i64) -> StoreResult<()> {
        executors::drain(self, colony, name, drained_by, now_ms).await
    }

    async fn drain_executor_off(&self, colony: ColonyKey, name: &str) -> StoreResult<()> {
        executors::drain_off(self, colony, name).await
    }

    async fn list_functions(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        limit: i64,
    ) -> StoreResult<Vec<Announcement>> {
        executors::list_functions(self, colony, executor_type, limit).await
    }

    async fn function_statistics(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        since_ms: i64,
        maxima: [i64; 2],
    ) -> StoreResult<Vec<FunctionStatistics>> {
        executors::function_statistics(self, colony, executor_type, since_ms, maxima).await
    }

    async fn submit(&self, processes: &[NewProcess], now_ms: i64) -> StoreResult<Vec<Submitted>> {
        processes::submit(self, processes, now_ms, false).await.map(|(answers, _)| answers)
    }

    async fn submit_limited(
        &self,
        processes: &[NewProcess],
        now_ms: i64,
    ) -> StoreResult<(Vec<Submitted>, Vec<(ColonyKey, Uuid)>)> {
        processes::submit(self, processes, now_ms, true).await
    }

    async fn submit_redrive(&self, specs: &[Resubmission], now_ms: i64) -> StoreResult<Vec<bool>> {
        operations::submit_redrive(self, specs, now_ms).await
    }

    async fn known(&self, process: &NewProcess, now_ms: i64) -> StoreResult<Option<Submitted>> {
        processes::known_before(self, process, now_ms).await
    }

    async fn parents(&self, colony: ColonyKey, process_ids: &[Uuid]) -> StoreResult<HashMap<Uuid, Parent>> {
        dependencies::parents(self, colony, process_ids).await
    }

    async fn get_process(&self, colony: ColonyKey, process_id: Uuid) -> StoreResult<Option<ProcessRecord>> {
        processes::get(self, colony, process_id).await
    }

    async fn summaries(&self, process_ids: &[Uuid]) -> StoreResult<Vec<ProcessSummary>> {
        processes::summaries(self, process_ids).await
    }

    async fn attempts(&self, process_id: Uuid) -> StoreResult<Vec<Attempt>> {
        processes::attempts(self, process_id).await
    }

    async fn attempt(&self, process_id: Uuid, attempt: i32) -> StoreResult<Option<Attempt>> {
        processes::attempt(self, process_id, attempt).await
    }

    async fn list_processes(
        &self,
        colony: ColonyKey,
        filter: &ProcessFilter,
        page: Page<ProcessCursor>,
    ) -> StoreResult<Vec<ProcessSummary>> {
        processes::list(self, colony, filter, page).await
    }

    async fn count_processes(&self, colony: ColonyKey, filter: &ProcessFilter) -> StoreResult<i64> {
        processes::count(self, colony, filter).await
    }

    async fn is_named(&self, colony: ColonyKey, name: &str) -> StoreResult<bool> {
        grants::is_named(self, colony, name).await
    }

    async fn start_bulk(&self, bulk: &Bulk, bounds: [i64; 2]) -> StoreResult<bool> {
        bulks::start(self, bulk, bounds).await
    }

    async fn get_bulk(&self, colony: ColonyKey, bulk_id: Uuid) -> StoreResult<Option<Bulk>> {
        bulks::get(self, colony, bulk_id).await
    }

    async fn list_bulks(&self, colony: ColonyKey, limit: i64) -> StoreResult<Vec<Bulk>> {
        bulks::list(self, colony, limit).await
    }

    async fn stop_bulk(&self, colony: ColonyKey, bulk_id: Uuid, go_on: bool, now_ms: i64) -> StoreResult<bool> {
        bulks::stop(self, colony, bulk_id, go_on, now_ms).await
    }

    async fn hold_bulk(&self, broker_id: Uuid, now_ms: i64, until_ms: i64) -> StoreResult<Option<Bulk>> {
        bulks::hold(self, broker_id, now_ms, until_ms).await
    }

    async fn advance_bulk(&self, bulk_id: Uuid, broker_id: Uuid, step: &BulkStep) -> StoreResult<Option<BulkState>> {
        bulks::advance(self, bulk_id, broker_id, step).await
    }

    async fn cancel(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        cancel: &Cancel,
        now_ms: i64,
    ) -> StoreResult<Vec<Effect>> {
        operations::cancel(self, colony, process_ids, cancel, now_ms).await
    }

    async fn redrive(&self, colony: ColonyKey, process_ids: &[Uuid], now_ms: i64) -> StoreResult<Vec<Effect>> {
        operations::redrive(self, colony, process_ids, now_ms).await
    }

    async fn replace(
        &self,
        colony: ColonyKey,
        process_id: Uuid,
        replaced_by: Uuid,
        now_ms: i64,
    ) -> StoreResult<Effect> {
        operations::replace(self, colony, process_id, replaced_by, now_ms).await
    }

    async fn replace_off(&self, colony: ColonyKey, process_id: Uuid, until_ms: i64) -> StoreResult<()> {
        operations::replace_off(self, colony, process_id, until_ms).await
    }

    async fn discard(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        discard: &Discard,
        now_ms: i64,
    ) -> StoreResult<Vec<Effect>> {
        operations::discard(self, colony, process_ids, discard, now_ms).await
    }

    async fn retry(&self, colony: ColonyKey, process_ids: &[Uuid], now_ms: i64) -> StoreResult<Vec<Effect>> {
        operations::retry(self, colony, process_ids, now_ms).await
    }

    async fn delete(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        finished_until_ms: Option<i64>,
    ) -> StoreResult<Vec<Effect>> {
        operations::delete(self, colony, process_ids, finished_until_ms).await
    }

    async fn claim(&self, lane: &Lane, slots: &[ClaimSlot], clock: &dyn Clock) -> StoreResult<Claims> {
        leases::claim(self, lane, slots, clock).await
    }

    async fn renew(&self, renewals: &[Renewal], now_ms: i64) -> StoreResult<Vec<Option<Renewed>>> {
        leases::renew(self, renewals, now_ms).await
    }

    async fn leases(&self, process_ids: &[Uuid]) -> StoreResult<Vec<LeaseRecord>> {
        leases::get(self, process_ids).await
    }

    async fn specs(&self, process_ids: &[Uuid]) -> StoreResult<Vec<SpecRecord>> {
        leases::specs(self, process_ids).await
    }

    async fn complete(&self, completions: &[Completion], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        leases::complete(self, completions, now_ms).await
    }

    async fn fail(&self, failures: &[Failure], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        leases::fail(self, failures, now_ms).await
    }

    async fn release(&self, releases: &[Release], now_ms: i64) -> StoreResult<Vec<LeaseEnd>> {
        leases::release(self, releases, now_ms).await
    }

    async fn pause(&self, colony: ColonyKey, pause: &Pause) -> StoreResult<Option<(Pause, bool)>> {
        pauses::pause(self, colony, pause).await
    }

    async fn resume(&self, colony: ColonyKey, what: &Paused, now_ms: i64) -> StoreResult<bool> {
        pauses::resume(self, colony, what, now_ms).await
    }

    async fn list_pauses(&self, colony: ColonyKey) -> StoreResult<Vec<Pause>> {
        pauses::list(self, colony).await
    }

    async fn explain(&self, colony: ColonyKey, process_id: Uuid, since_ms: i64) -> StoreResult<Option<ExplainRecord>> {
        explain::process(self, colony, process_id, since_ms).await
    }

    async fn limit_holders(&self, colony: ColonyKey, kind: LimitKind, key: &str) -> StoreResult<Holders> {
        explain::holders(self, colony, kind, key).await
    }

    async fn waiting_sorts(&self, lane: &Lane, rows: i64) -> StoreResult<Vec<WaitingSort>> {
        explain::sorts(self, lane, rows).await
    }

    async fn waiting_types(&self, colony: Option<ColonyKey>) -> StoreResult<Vec<(Colony, WaitingType)>> {
        explain::types(self, colony).await
    }

    async fn troubles(&self, colony: ColonyKey, since_ms: i64) -> StoreResult<Troubles> {
        explain::troubles(self, colony, since_ms).await
    }

    async fn report(&self, reports: &[Report], now_ms: i64) -> StoreResult<Vec<Reported>> {
        running::report(self, reports, now_ms).await
    }

    async fn progress(&self, process_id: Uuid) -> StoreResult<Option<StoredProgress>> {
        running::progress(self, process_id).await
    }

    async fn checkpoint_sizes(&self, process_ids: &[Uuid]) -> StoreResult<Vec<CheckpointSize>> {
        running::checkpoint_sizes(self, process_ids).await
    }

    async fn checkpoints(&self, process_ids: &[Uuid]) -> StoreResult<Vec<StoredProgress>> {
        running::checkpoints(self, process_ids).await
    }

    async fn add_logs(&self, batches: &[LogBatch], now_ms: i64) -> StoreResult<Vec<Option<usize>>> {
        running::add_logs(self, batches, now_ms).await
    }

    async fn list_logs(
        &self,
        colony: ColonyKey,
        filter: &LogFilter,
        page: Page<LogCursor>,
    ) -> StoreResult<Vec<LogLine>> {
        running::list_logs(self, colony, filter, page).await
    }

    async fn list_last_logs(&self, colony: ColonyKey, filter: &LogFilter, count: i64) -> StoreResult<Vec<LogLine>> {
        running::list_last_logs(self, colony, filter, count).await
    }

    async fn set_attributes(&self, batches: &[AttributeBatch], now_ms: i64) -> StoreResult<Vec<Attached>> {
        running::set_attributes(self, batches, now_ms).await
    }

    async fn attributes(&self, process_id: Uuid) -> StoreResult<Vec<Attribute>> {
        running::attributes(self, process_id).await
    }

    async fn set_limit(&self, colony: ColonyKey, record: &LimitRecord) -> StoreResult<bool> {
        limits::set(self, colony, record).await
    }

    async fn remove_limit(&self, colony: ColonyKey, kind: LimitKind, pattern: &str) -> StoreResult<bool> {
        limits::remove(self, colony, kind, pattern).await
    }

    async fn list_limits(&self, colony: ColonyKey) -> StoreResult<Vec<LimitRecord>> {
        limits::list(self, colony).await
    }

    async fn list_limit_uses(&self, colony: ColonyKey) -> StoreResult<Vec<LimitUse>> {
        limits::list_uses(self, colony).await
    }

    async fn overdue_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>> {
        sweeps::overdue_leases(self, now_ms, limit).await
    }

    async fn ended_parents(&self, limit: i64) -> StoreResult<Vec<Uuid>> {
        dependencies::ended_parents(self, limit).await
    }

    async fn settle(&self, parents: &[Uuid], now_ms: i64, limit: i64) -> StoreResult<Settled> {
        dependencies::settle(self, parents, now_ms, limit).await
    }

    async fn unblock(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>> {
        sweeps::unblock(self, now_ms, limit).await
    }

    async fn expire_waiting(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>> {
        sweeps::expire_waiting(self, now_ms, limit).await
    }

    async fn removed_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>> {
        sweeps::removed_leases(self, now_ms, limit).await
    }

    async fn forget_executors(&self, which: Forgettable, limit: i64) -> StoreResult<u64> {
        sweeps::forget_executors(self, which, limit).await
    }

    async fn forget_idempotency_keys(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        sweeps::forget_idempotency_keys(self, now_ms, limit).await
    }

    async fn past_retention(
        &self,
        state: ProcessState,
        finished_until_ms: i64,
        now_ms: i64,
        limit: i64,
    ) -> StoreResult<Vec<(ColonyKey, Uuid)>> {
        sweeps::past_retention(self, state, finished_until_ms, now_ms, limit).await
    }

    async fn forget_deleted(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        sweeps::forget_deleted(self, now_ms, limit).await
    }

    async fn forget_buckets(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        sweeps::forget_buckets(self, now_ms, limit).await
    }

    async fn next_deadline_ms(&self) -> StoreResult<Option<i64>> {
        sweeps::next_deadline_ms(self).await
    }

    async fn notify(&self, message: &str) -> StoreResult<()> {
        check_notification(message)
    }

    async fn listen(&self) -> StoreResult<Option<mpsc::Receiver<String>>> {
        Ok(None)
    }
}

/// The process ids that a statement returned.
fn process_ids(found: &[SqliteRow]) -> StoreResult<Vec<Uuid>> {
    found.iter().map(|row| rows::process_id(row)).collect()
}
