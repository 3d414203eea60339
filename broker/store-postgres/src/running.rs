//! Progress, logs and attributes of running processes, in Postgres.

use std::collections::{HashMap, HashSet};

use apiary_database::{query, sql};
use apiary_store::documents::{self, HEAD_BYTES};
use apiary_store::limits::ATTRIBUTES_MAX;
use apiary_store::logbook::{LogFit, Totals, fit};
use apiary_store::model::{
    AttachResult, Attribute, AttributeBatch, CheckpointSize, ColonyKey, LogBatch, LogCursor, LogFilter, LogLine, Page,
    Report, ReportResult, StoredProgress,
};
use apiary_store::{RunningStore, StoreResult, checks, rows};
use uuid::Uuid;

use crate::fault::{Fault, until_settled};
use crate::session::Session;
use crate::{PostgresStore, column, process_ids};

#[async_trait::async_trait]
impl RunningStore for PostgresStore {
    async fn report(&self, reports: &[Report], now_ms: i64) -> StoreResult<Vec<ReportResult>> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        let payloads = column(reports, |report| documents::pack(&report.payload));
        let held: HashMap<Uuid, bool> = until_settled!(async {
            let statement = query(sql!("leases/report.sql"))
                .bind(column(reports, |report| report.lease.process_id))
                .bind(column(reports, |report| report.lease.attempt))
                .bind(column(reports, |report| report.lease.executor.0))
                .bind(column(reports, |report| report.number))
                .bind(column(reports, |report| report.percent))
                .bind(column(reports, |report| {
                    report.message.as_deref().map(|words| checks::storable(words).into_owned())
                }))
                .bind(column(reports, |report| report.has_checkpoint))
                .bind(column(reports, |report| report.signature.as_bytes()))
                .bind(&payloads)
                .bind(now_ms);
            let found = self.session().await?.rows(statement).await?;
            Ok::<_, Fault>(found.iter().map(|row| rows::reported(row)).collect::<StoreResult<_>>()?)
        })?;
        Ok(checks::reported(reports, |process_id| held.get(process_id).copied()))
    }

    async fn progress(&self, process_id: Uuid) -> StoreResult<Option<StoredProgress>> {
        let select = query(sql!("processes/get_progress.sql")).bind(process_id);
        self.session().await?.row(select).await?.map(|row| rows::stored_progress(&row)).transpose()
    }

    async fn checkpoint_sizes(&self, process_ids: &[Uuid]) -> StoreResult<Vec<CheckpointSize>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/claim_checkpoint_sizes.sql")).bind(process_ids).bind(HEAD_BYTES);
        self.session().await?.rows(select).await?.iter().map(|row| rows::checkpoint_size(row)).collect()
    }

    async fn checkpoints(&self, process_ids: &[Uuid]) -> StoreResult<Vec<StoredProgress>> {
        if process_ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("leases/claim_checkpoints.sql")).bind(process_ids);
        self.session().await?.rows(select).await?.iter().map(|row| rows::checkpoint(row)).collect()
    }

    async fn add_logs(&self, batches: &[LogBatch], now_ms: i64) -> StoreResult<Vec<Option<usize>>> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        until_settled!(add_logs_once(self, batches, now_ms))
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
        self.session().await?.rows(select).await?.iter().map(|row| rows::log_line(row)).collect()
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
        self.session().await?.rows(select).await?.iter().map(|row| rows::log_line(row)).collect()
    }

    async fn set_attributes(&self, batches: &[AttributeBatch], now_ms: i64) -> StoreResult<Vec<AttachResult>> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        until_settled!(set_attributes_once(self, batches, now_ms))
    }

    async fn attributes(&self, process_id: Uuid) -> StoreResult<Vec<Attribute>> {
        let select = query(sql!("processes/get_attributes.sql")).bind(process_id);
        self.session().await?.rows(select).await?.iter().map(|row| Ok(rows::attribute(row)?.1)).collect()
    }
}

async fn add_logs_once(store: &PostgresStore, batches: &[LogBatch], now_ms: i64) -> Result<Vec<Option<usize>>, Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    let kept = keep_logs(&mut session, batches, now_ms).await;
    session.end(kept).await
}

async fn keep_logs(session: &mut Session, batches: &[LogBatch], now_ms: i64) -> Result<Vec<Option<usize>>, Fault> {
    let totals = query(sql!("leases/add_logs_totals.sql"))
        .bind(column(batches, |batch| batch.lease.process_id))
        .bind(column(batches, |batch| batch.lease.attempt))
        .bind(column(batches, |batch| batch.lease.executor.0))
        .bind(now_ms);
    let totals = session.rows(totals).await?;
    let totals: HashMap<Uuid, Totals> = totals.iter().map(|row| rows::log_totals(row)).collect::<StoreResult<_>>()?;
    let fitted = fit(batches, &totals);
    let lines: Vec<_> = fitted.iter().flat_map(LogFit::lines).collect();
    if !lines.is_empty() {
        let statement = query(sql!("leases/add_logs.sql"))
            .bind(column(&lines, |(batch, _)| batch.colony.0))
            .bind(column(&lines, |(batch, _)| batch.lease.process_id))
            .bind(column(&lines, |(batch, _)| batch.lease.attempt))
            .bind(column(&lines, |(batch, _)| batch.lease.executor.0))
            .bind(column(&lines, |(_, line)| line.time_ms))
            .bind(column(&lines, |(_, line)| line.level.as_str()))
            .bind(column(&lines, |(_, line)| checks::storable(&line.message).into_owned()))
            .bind(column(&lines, |(_, line)| line.fields.as_deref().map(|text| checks::storable(text).into_owned())))
            .bind(column(&fitted, |one| one.batch.lease.process_id))
            .bind(column(&fitted, |one| one.more.lines))
            .bind(column(&fitted, |one| one.more.bytes));
        session.changed(statement).await?;
    }
    Ok(checks::dropped(batches, &fitted))
}

async fn set_attributes_once(
    store: &PostgresStore,
    batches: &[AttributeBatch],
    now_ms: i64,
) -> Result<Vec<AttachResult>, Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    let kept = attach(&mut session, batches, now_ms).await;
    session.end(kept).await
}

async fn attach(session: &mut Session, batches: &[AttributeBatch], now_ms: i64) -> Result<Vec<AttachResult>, Fault> {
    let hold = query(sql!("leases/hold.sql"))
        .bind(column(batches, |batch| batch.lease.process_id))
        .bind(column(batches, |batch| batch.lease.attempt))
        .bind(column(batches, |batch| batch.lease.executor.0))
        .bind(now_ms);
    let held: HashSet<Uuid> = process_ids(&session.rows(hold).await?)?.into_iter().collect();
    let values: Vec<_> = batches
        .iter()
        .filter(|batch| held.contains(&batch.lease.process_id))
        .flat_map(|batch| batch.attributes.iter().map(move |attribute| (batch, attribute)))
        .collect();
    let statement = query(sql!("leases/set_attributes.sql"))
        .bind(column(&values, |(batch, _)| batch.lease.process_id))
        .bind(column(&values, |(batch, _)| batch.lease.attempt))
        .bind(column(&values, |(_, attribute)| attribute.kind.as_str()))
        .bind(column(&values, |(_, attribute)| checks::storable(&attribute.key).into_owned()))
        .bind(column(&values, |(_, attribute)| checks::storable(&attribute.value).into_owned()))
        .bind(i64::try_from(ATTRIBUTES_MAX).unwrap_or(i64::MAX));
    let kept = process_ids(&session.rows(statement).await?)?.into_iter().collect();
    Ok(checks::attached(batches, &held, &kept))
}
