//! The archive in SQLite.

use apiary_database::{Sql, query, sql};
use apiary_identity::Id;
use apiary_store::limits::RETENTION_HOLDS_MAX;
use apiary_store::model::{
    ARCHIVE_HOLD, ColonyKey, FinishedCursor, FinishedProcess, NewArchive, NewEvent, NewProcess, SignedBytes,
    StoredArchive,
};
use apiary_store::rows::Fields;
use apiary_store::{ArchiveStore, StoreResult, checks, documents, restored, rows};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::batch::{ids, list};
use crate::transaction::{Statement, Write, read};
use crate::{SqliteStore, events};

#[async_trait::async_trait]
impl ArchiveStore for SqliteStore {
    async fn last_archive(&self, colony: ColonyKey) -> StoreResult<Option<StoredArchive>> {
        let last = read(&self.readers, query(sql!("archives/start.sql")).bind(colony.0)).await?;
        last.first().map(|row| rows::stored_archive(row)).transpose()
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
        let found = read(&self.readers, select).await?;
        let mut processes = found.iter().map(|row| rows::finished_process(row)).collect::<StoreResult<Vec<_>>>()?;
        if !processes.is_empty() {
            self.add_belongings(&mut processes).await?;
        }
        Ok(processes)
    }

    async fn revocations(&self, colony: ColonyKey, grants: &[Uuid], keys: &[Id]) -> StoreResult<Vec<SignedBytes>> {
        let select = query(sql!("archives/revocations.sql"))
            .bind(colony.0)
            .bind(ids(grants)?)
            .bind(list(keys.iter().map(|key| hex::encode(key.as_bytes())))?);
        read(&self.readers, select).await?.iter().map(|row| rows::revocation(row)).collect()
    }

    async fn add_archive(&self, archive: &NewArchive, event: Option<&NewEvent>) -> StoreResult<Option<i64>> {
        let mut write = Write::begin(&self.writer).await?;
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
        let added = write.rows(insert).await?;
        let Some(row) = added.first() else { return Ok(None) };
        let key = Fields::of_summary(row, "archives").number("key")?;
        let items = archive.processes.iter().map(|one| (one.process_id.simple(), one.finished_at_ms));
        let record = query(sql!("archives/add_processes.sql")).bind(archive.colony.0).bind(key).bind(list(items)?);
        let recorded = i64::try_from(write.rows(record).await?.len()).unwrap_or(i64::MAX);
        write.changed(query(sql!("steps/add_archive_count.sql")).bind(key).bind(recorded)).await?;
        let hold = query(sql!("retention/set_hold.sql"))
            .bind(archive.colony.0)
            .bind(ARCHIVE_HOLD)
            .bind(archive.until_ms.saturating_add(1))
            .bind(RETENTION_HOLDS_MAX);
        write.rows(hold).await?;
        events::record(&mut write, archive.colony, event).await?;
        write.commit().await?;
        Ok(Some(recorded))
    }

    async fn find_archive(
        &self,
        colony: ColonyKey,
        process_id: Uuid,
        size: i64,
    ) -> StoreResult<Vec<(StoredArchive, i64)>> {
        let select = query(sql!("archives/find.sql")).bind(colony.0).bind(process_id).bind(size);
        let found = read(&self.readers, select).await?;
        found.iter().map(|row| Ok((rows::stored_archive(row)?, rows::archive_line(row)?))).collect()
    }

    async fn list_archives(&self, colony: ColonyKey, after: i64, size: i64) -> StoreResult<Vec<StoredArchive>> {
        let select = query(sql!("archives/list.sql")).bind(colony.0).bind(after).bind(size);
        read(&self.readers, select).await?.iter().map(|row| rows::stored_archive(row)).collect()
    }

    async fn restore(
        &self,
        spec: &NewProcess,
        process: &FinishedProcess,
        stay_until_ms: i64,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let mut write = Write::begin(&self.writer).await?;
        write.changed(query(sql!("archives/restore_forget.sql")).bind(now_ms)).await?;
        if write.rows(insert_spec(spec)).await?.is_empty() {
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
        write.changed(finished).await?;
        let attempts = restored::attempts(process)?;
        write.changed(query(sql!("archives/restore_attempts.sql")).bind(id).bind(attempts)).await?;
        let progress = restored::progress(process)?;
        write.changed(query(sql!("archives/restore_progress.sql")).bind(id).bind(colony).bind(progress)).await?;
        let logs = restored::logs(process)?;
        write.changed(query(sql!("archives/restore_logs.sql")).bind(id).bind(colony).bind(logs)).await?;
        write.changed(query(sql!("archives/restore_log_totals.sql")).bind(id)).await?;
        let attributes = restored::attributes(process)?;
        write.changed(query(sql!("archives/restore_attributes.sql")).bind(id).bind(attributes)).await?;
        write.changed(query(sql!("archives/restore_stay.sql")).bind(id).bind(stay_until_ms)).await?;
        events::record(&mut write, spec.colony, event).await?;
        write.commit().await?;
        Ok(true)
    }
}

impl SqliteStore {
    /// Reads what other tables have of processes.
    async fn add_belongings(&self, processes: &mut [FinishedProcess]) -> StoreResult<()> {
        let named: Vec<Uuid> = processes.iter().map(|process| process.process_id).collect();
        let named = ids(&named)?;
        let found = self.belongings(sql!("archives/list_unarchived_attempts.sql"), &named).await?;
        let attempts = found.iter().map(|row| Ok((rows::owner(row)?, rows::attempt(row)?)));
        let attempts = attempts.collect::<StoreResult<Vec<_>>>()?;
        rows::gather(processes, attempts, |process, attempt| process.attempts.push(attempt));
        let found = self.belongings(sql!("archives/list_unarchived_progress.sql"), &named).await?;
        let progress = found.iter().map(|row| rows::finished_progress(row)).collect::<StoreResult<Vec<_>>>()?;
        rows::gather(processes, progress, |process, progress| process.progress = Some(progress));
        let found = self.belongings(sql!("archives/list_unarchived_logs.sql"), &named).await?;
        let lines = found.iter().map(|row| rows::log_line(row)).collect::<StoreResult<Vec<_>>>()?;
        let lines = lines.into_iter().map(|line| (line.process_id, line));
        rows::gather(processes, lines, |process, line| process.logs.push(line));
        let found = self.belongings(sql!("archives/list_unarchived_attributes.sql"), &named).await?;
        let attributes = found.iter().map(|row| rows::attribute(row)).collect::<StoreResult<Vec<_>>>()?;
        rows::gather(processes, attributes, |process, attribute| process.attributes.push(attribute));
        Ok(())
    }

    async fn belongings(&self, statement: Sql, named: &str) -> StoreResult<Vec<SqliteRow>> {
        read(&self.readers, query(statement).bind(named.to_owned())).await
    }
}

fn insert_spec(spec: &NewProcess) -> Statement<'_> {
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
