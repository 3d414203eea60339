//! The archive in Postgres.

use apiary_database::{query, sql};
use apiary_identity::Id;
use apiary_store::model::{
    ARCHIVE_HOLD, ColonyKey, FinishedCursor, FinishedProcess, NewArchive, NewEvent, NewProcess, SignedBytes,
    StoredArchive,
};
use apiary_store::signatures::unpack;
use apiary_store::{ArchiveStore, StoreResult, checks, documents, restored, rows};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::fault::{Fault, until_settled};
use crate::session::Session;
use crate::{PostgresStore, column, events, signatures};

#[async_trait::async_trait]
impl ArchiveStore for PostgresStore {
    async fn last_archive(&self, colony: ColonyKey) -> StoreResult<Option<StoredArchive>> {
        let last = self.session().await?.row(query(sql!("archives/start.sql")).bind(colony.0)).await?;
        last.map(|row| rows::stored_archive(&row)).transpose()
    }

    async fn list_unarchived(
        &self,
        colony: ColonyKey,
        after: FinishedCursor,
        until_ms: i64,
        size: i64,
    ) -> StoreResult<Vec<FinishedProcess>> {
        let select = query(sql!("archives/list_unarchived.sql"))
            .bind(colony.0)
            .bind(after.finished_at_ms)
            .bind(after.process_id)
            .bind(until_ms)
            .bind(size);
        let mut session = self.session().await?;
        let found = session.rows(select).await?;
        let mut processes = found.iter().map(finished_process).collect::<StoreResult<Vec<_>>>()?;
        if !processes.is_empty() {
            add_belongings(&mut session, &mut processes).await?;
        }
        Ok(processes)
    }

    async fn revocations(&self, colony: ColonyKey, grants: &[Uuid], keys: &[Id]) -> StoreResult<Vec<SignedBytes>> {
        let select = query(sql!("archives/revocations.sql"))
            .bind(colony.0)
            .bind(grants)
            .bind(column(keys, |key| key.as_bytes().as_slice()));
        self.session().await?.rows(select).await?.iter().map(|row| rows::revocation(row)).collect()
    }

    async fn add_archive(&self, archive: &NewArchive, event: Option<&NewEvent>) -> StoreResult<Option<i64>> {
        until_settled!(add_once(self, archive, event))
    }

    async fn find_archive(
        &self,
        colony: ColonyKey,
        process_id: Uuid,
        size: i64,
    ) -> StoreResult<Vec<(StoredArchive, i64)>> {
        let select = query(sql!("archives/find.sql")).bind(colony.0).bind(process_id).bind(size);
        let found = self.session().await?.rows(select).await?;
        found.iter().map(|row| Ok((rows::stored_archive(row)?, rows::archive_line(row)?))).collect()
    }

    async fn list_archives(&self, colony: ColonyKey, after: i64, size: i64) -> StoreResult<Vec<StoredArchive>> {
        let select = query(sql!("archives/list.sql")).bind(colony.0).bind(after).bind(size);
        self.session().await?.rows(select).await?.iter().map(|row| rows::stored_archive(row)).collect()
    }

    async fn restore(
        &self,
        spec: &NewProcess,
        process: &FinishedProcess,
        stay_until_ms: i64,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let lists = Lists::new(process)?;
        until_settled!(restore_once(self, spec, process, &lists, stay_until_ms, now_ms, event))
    }
}

fn finished_process(row: &PgRow) -> StoreResult<FinishedProcess> {
    let mut process = rows::finished_process(row)?;
    process.signature = unpack(process.signature, rows::signed(row)?.as_deref());
    Ok(process)
}

/// Reads what other tables have of processes.
async fn add_belongings(session: &mut Session, processes: &mut [FinishedProcess]) -> StoreResult<()> {
    let ids = column(processes, |process| process.process_id);
    let found = session.rows(query(sql!("archives/list_unarchived_attempts.sql")).bind(&ids)).await?;
    let attempts = found.iter().map(|row| Ok((rows::owner(row)?, signatures::attempt(row)?)));
    let attempts = attempts.collect::<StoreResult<Vec<_>>>()?;
    rows::gather(processes, attempts, |process, attempt| process.attempts.push(attempt));
    let found = session.rows(query(sql!("archives/list_unarchived_progress.sql")).bind(&ids)).await?;
    let progress = found.iter().map(|row| rows::finished_progress(row)).collect::<StoreResult<Vec<_>>>()?;
    rows::gather(processes, progress, |process, progress| process.progress = Some(progress));
    let found = session.rows(query(sql!("archives/list_unarchived_logs.sql")).bind(&ids)).await?;
    let lines = found.iter().map(|row| rows::log_line(row)).collect::<StoreResult<Vec<_>>>()?;
    rows::gather(processes, lines.into_iter().map(|line| (line.process_id, line)), |process, line| {
        process.logs.push(line)
    });
    let found = session.rows(query(sql!("archives/list_unarchived_attributes.sql")).bind(&ids)).await?;
    let attributes = found.iter().map(|row| rows::attribute(row)).collect::<StoreResult<Vec<_>>>()?;
    rows::gather(processes, attributes, |process, attribute| process.attributes.push(attribute));
    Ok(())
}

async fn add_once(store: &PostgresStore, archive: &NewArchive, event: Option<&NewEvent>) -> Result<Option<i64>, Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    let recorded = add(&mut session, archive, event).await;
    session.end(recorded).await
}

async fn add(session: &mut Session, archive: &NewArchive, event: Option<&NewEvent>) -> Result<Option<i64>, Fault> {
    // Under the lock of retention: a deletion sees all of it, or nothing.
    session.rows(query(sql!("retention/lock.sql"))).await?;
    let insert = query(sql!("archives/add.sql"))
        .bind(archive.colony.0)
        .bind(archive.number)
        .bind(archive.previous.as_ref().map(|digest| digest.0.as_slice()))
        .bind(&archive.object)
        .bind(archive.digest.0.as_slice())
        .bind(&archive.signer)
        .bind(&archive.signature)
        .bind(&archive.payload[..])
        .bind(archive.now_ms);
    let Some(row) = session.row(insert).await? else { return Ok(None) };
    let key = crate::number(Some(&row), "key")?.unwrap_or(0);
    let record = query(sql!("archives/add_processes.sql"))
        .bind(archive.colony.0)
        .bind(key)
        .bind(column(&archive.processes, |one| one.process_id))
        .bind(column(&archive.processes, |one| one.finished_at_ms));
    let row = session.row(record).await?;
    let recorded = crate::number(row.as_ref(), "recorded")?.unwrap_or(0);
    let hold = query(sql!("retention/set_hold.sql"))
        .bind(archive.colony.0)
        .bind(ARCHIVE_HOLD)
        .bind(archive.until_ms.saturating_add(1))
        .bind(apiary_store::limits::RETENTION_HOLDS_MAX);
    session.row(hold).await?;
    events::record(session, archive.colony, event).await?;
    Ok(Some(recorded))
}

/// The rows of a process that is put back, as JSON.
struct Lists {
    attempts: String,
    progress: String,
    logs: String,
    attributes: String,
}

impl Lists {
    fn new(process: &FinishedProcess) -> StoreResult<Self> {
        Ok(Self {
            attempts: restored::attempts(process)?,
            progress: restored::progress(process)?,
            logs: restored::logs(process)?,
            attributes: restored::attributes(process)?,
        })
    }
}

async fn restore_once(
    store: &PostgresStore,
    spec: &NewProcess,
    process: &FinishedProcess,
    lists: &Lists,
    stay_until_ms: i64,
    now_ms: i64,
    event: Option<&NewEvent>,
) -> Result<bool, Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    let is_new = async {
        session.changed(query(sql!("archives/restore_forget.sql")).bind(now_ms)).await?;
        if session.row(insert_spec(spec)).await?.is_none() {
            return Ok(false);
        }
        let (id, colony) = (process.process_id, spec.colony.0);
        let finished = query(sql!("archives/restore_finished.sql"))
            .bind(id)
            .bind(colony)
            .bind(process.finished_at_ms)
            .bind(process.replaced_by)
            .bind(process.attempt)
            .bind(process.retries_spent)
            .bind(process.state.as_str())
            .bind(process.reason.as_deref().map(checks::storable))
            .bind(process.ended_by.as_deref().map(checks::storable));
        session.changed(finished).await?;
        session.changed(query(sql!("archives/restore_attempts.sql")).bind(id).bind(&lists.attempts)).await?;
        session
            .changed(query(sql!("archives/restore_progress.sql")).bind(id).bind(colony).bind(&lists.progress))
            .await?;
        session.changed(query(sql!("archives/restore_logs.sql")).bind(id).bind(colony).bind(&lists.logs)).await?;
        session.changed(query(sql!("archives/restore_log_totals.sql")).bind(id)).await?;
        session.changed(query(sql!("archives/restore_attributes.sql")).bind(id).bind(&lists.attributes)).await?;
        session.changed(query(sql!("archives/restore_stay.sql")).bind(id).bind(stay_until_ms)).await?;
        events::record(&mut session, spec.colony, event).await?;
        Ok(true)
    }
    .await;
    session.end(is_new).await
}

fn insert_spec(spec: &NewProcess) -> crate::session::Statement<'_> {
    query(sql!("archives/restore.sql"))
        .bind(spec.process_id)
        .bind(spec.colony.0)
        .bind(spec.submitter.0)
        .bind(spec.priority_time_us)
        .bind(spec.submitted_at_ms)
        .bind(spec.submit_by_ms)
        .bind(spec.max_wait_ms)
        .bind(spec.max_exec_ms)
        .bind(spec.priority)
        .bind(spec.max_retries)
        .bind(&spec.function)
        .bind(&spec.executor_type)
        .bind(spec.digest.0.as_slice())
        .bind(checks::json_if_any(&spec.executor_names, spec.executor_names.is_empty()))
        .bind(checks::json_if_any(&spec.labels, spec.labels.is_empty()))
        .bind(checks::json_if_any(&spec.requires, spec.requires.is_empty()))
        .bind(&spec.concurrency_key)
        .bind(&spec.rate_key)
        .bind(spec.signature.as_bytes())
        .bind(documents::pack(&spec.payload))
}
