//! Progress, logs and attributes of running processes, in SQLite.

use std::collections::{HashMap, HashSet};

use apiary_database::{query, sql};
use apiary_store::documents::HEAD_BYTES;
use apiary_store::limits::ATTRIBUTES_MAX;
use apiary_store::logbook::{LogFit, Totals, fit};
use apiary_store::model::{
    AttachResult, Attribute, AttributeBatch, CheckpointSize, ColonyKey, LogBatch, LogCursor, LogFilter, LogLine, Page,
    Report, ReportResult, StoredProgress,
};
use apiary_store::{RunningStore, StoreResult, checks, rows};
use uuid::Uuid;

use crate::batch::{AttributeItem, Documents, LeaseItem, LogItem, LogTotalItem, ReportItem, ids, list};
use crate::transaction::{Write, read};
use crate::{SqliteStore, process_ids};

#[async_trait::async_trait]
impl RunningStore for SqliteStore {
    async fn report(&self, reports: &[Report], now_ms: i64) -> StoreResult<Vec<ReportResult>> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        let mut documents = Documents::default();
        let items = list(reports.iter().map(|report| ReportItem::new(report, &mut documents)))?;
        let leases = list(reports.iter().map(|report| LeaseItem::new(&report.lease)))?;
        let mut write = Write::begin(&self.writer).await?;
        let hold = query(sql!("leases/hold.sql")).bind(leases).bind(now_ms);
        let held: HashSet<Uuid> = process_ids(&write.rows(hold).await?)?.into_iter().collect();
        let keep = query(sql!("leases/report.sql")).bind(items).bind(documents.into_bytes()).bind(now_ms);
        let kept: HashSet<Uuid> = process_ids(&write.rows(keep).await?)?.into_iter().collect();
        write.commit().await?;
        let held = |process_id: &Uuid| held.contains(process_id).then(|| kept.contains(process_id));
        Ok(checks::reported(reports, held))
    }

    async fn progress(&self, process_id: Uuid) -> StoreResult<Option<StoredProgress>> {
        let select = query(sql!("processes/get_progress.sql")).bind(process_id);
        read(&self.readers, select).await?.first().map(|row| rows::stored_progress(row)).transpose()
    }

    async fn checkpoint_sizes(&self, process_ids: &[Uuid]) -> StoreResult<Vec<CheckpointSize>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/claim_checkpoint_sizes.sql")).bind(ids(process_ids)?).bind(HEAD_BYTES);
        read(&self.readers, select).await?.iter().map(|row| rows::checkpoint_size(row)).collect()
    }

    async fn checkpoints(&self, process_ids: &[Uuid]) -> StoreResult<Vec<StoredProgress>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/claim_checkpoints.sql")).bind(ids(process_ids)?);
        read(&self.readers, select).await?.iter().map(|row| rows::checkpoint(row)).collect()
    }

    async fn add_logs(&self, batches: &[LogBatch], now_ms: i64) -> StoreResult<Vec<Option<usize>>> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        let leases = list(batches.iter().map(|batch| LeaseItem::new(&batch.lease)))?;
        let mut write = Write::begin(&self.writer).await?;
        let totals = query(sql!("leases/add_logs_totals.sql")).bind(leases).bind(now_ms);
        let totals = write.rows(totals).await?;
        let totals: HashMap<Uuid, Totals> =
            totals.iter().map(|row| rows::log_totals(row)).collect::<StoreResult<_>>()?;
        let fitted = fit(batches, &totals);
        let items = list(fitted.iter().flat_map(LogFit::lines).map(|(batch, line)| LogItem::new(batch, line)))?;
        write.changed(query(sql!("leases/add_logs.sql")).bind(items)).await?;
        let counts = list(fitted.iter().map(LogTotalItem::new))?;
        write.changed(query(sql!("steps/add_logs_count.sql")).bind(counts)).await?;
        write.commit().await?;
        Ok(checks::dropped(batches, &fitted))
    }

    async fn list_logs(
        &self,
        colony: ColonyKey,
        filter: &LogFilter,
        page: Page<LogCursor>,
    ) -> StoreResult<Vec<LogLine>> {
        let select = match filter.process_id {
            Some(process_id) => query(sql!("processes/list_logs_of_process.sql")).bind(colony.0).bind(process_id),
            None => query(sql!("processes/list_logs.sql")).bind(colony.0),
        };
        let select = select
            .bind(filter.executor.as_deref())
            .bind(filter.since_ms)
            .bind(filter.level.map(|level| level.as_str()))
            .bind(filter.text.as_deref().map(checks::pattern))
            .bind(page.after.unwrap_or_default().0)
            .bind(page.size.max(0));
        read(&self.readers, select).await?.iter().map(|row| rows::log_line(row)).collect()
    }

    async fn list_last_logs(&self, colony: ColonyKey, filter: &LogFilter, count: i64) -> StoreResult<Vec<LogLine>> {
        let select = match filter.process_id {
            Some(process_id) => query(sql!("processes/list_logs_last_of_process.sql")).bind(colony.0).bind(process_id),
            None => query(sql!("processes/list_logs_last.sql")).bind(colony.0),
        };
        let select = select
            .bind(filter.executor.as_deref())
            .bind(filter.since_ms)
            .bind(filter.level.map(|level| level.as_str()))
            .bind(filter.text.as_deref().map(checks::pattern))
            .bind(count.max(0));
        read(&self.readers, select).await?.iter().map(|row| rows::log_line(row)).collect()
    }

    async fn set_attributes(&self, batches: &[AttributeBatch], now_ms: i64) -> StoreResult<Vec<AttachResult>> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        let leases = list(batches.iter().map(|batch| LeaseItem::new(&batch.lease)))?;
        let mut write = Write::begin(&self.writer).await?;
        let hold = query(sql!("leases/hold.sql")).bind(leases).bind(now_ms);
        let held: HashSet<Uuid> = process_ids(&write.rows(hold).await?)?.into_iter().collect();
        let batches_held = batches.iter().filter(|batch| held.contains(&batch.lease.process_id));
        let items = list(batches_held.flat_map(AttributeItem::of))?;
        let keep = query(sql!("leases/set_attributes.sql"))
            .bind(items)
            .bind(i64::try_from(ATTRIBUTES_MAX).unwrap_or(i64::MAX));
        let kept = process_ids(&write.rows(keep).await?)?.into_iter().collect();
        write.commit().await?;
        Ok(checks::attached(batches, &held, &kept))
    }

    async fn attributes(&self, process_id: Uuid) -> StoreResult<Vec<Attribute>> {
        let select = query(sql!("processes/get_attributes.sql")).bind(process_id);
        read(&self.readers, select).await?.iter().map(|row| Ok(rows::attribute(row)?.1)).collect()
    }
}
