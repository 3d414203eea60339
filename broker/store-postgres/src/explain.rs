//! Reasons why work waits, in Postgres.

use apiary_database::{query, sql};
use apiary_store::limits::{
    EXPLAIN_AHEAD_MAX, EXPLAIN_RUNS_MAX, HEALTH_CAUSES_MAX, HEALTH_COUNT_MAX, HEALTH_LANES_MAX, HEALTH_ROWS_MAX,
    HEALTH_WAITS_MAX,
};
use apiary_store::model::{
    Colony, ColonyKey, ColonyProblems, ExplainRecord, Lane, LimitHolders, LimitKind, ProcessState, RunningType,
    WaitingGroup, WaitingType,
};
use apiary_store::{ExplainStore, StoreResult, rows};
use uuid::Uuid;

use crate::{PostgresStore, dependencies};

#[async_trait::async_trait]
impl ExplainStore for PostgresStore {
    async fn explain(&self, colony: ColonyKey, process_id: Uuid, since_ms: i64) -> StoreResult<Option<ExplainRecord>> {
        let select = query(sql!("processes/explain.sql"))
            .bind(colony.0)
            .bind(process_id)
            .bind(since_ms)
            .bind(EXPLAIN_AHEAD_MAX + 1)
            .bind(EXPLAIN_RUNS_MAX);
        let mut session = self.session().await?;
        let Some(row) = session.row(select).await? else { return Ok(None) };
        let mut record = rows::explain(&row)?;
        if record.summary.state == ProcessState::Blocked {
            let select = query(sql!("processes/explain_parents.sql")).bind(process_id);
            record.parents =
                session.rows(select).await?.iter().map(|row| rows::parent(row)).collect::<StoreResult<_>>()?;
        }
        Ok(Some(record))
    }

    async fn limit_holders(&self, colony: ColonyKey, kind: LimitKind, key: &str) -> StoreResult<LimitHolders> {
        let select = query(sql!("processes/explain_holders.sql")).bind(colony.0).bind(kind.as_str()).bind(key);
        let mut holders = rows::holders(&self.session().await?.rows(select).await?)?;
        let select = query(sql!("processes/explain_bucket.sql")).bind(colony.0).bind(kind.as_str()).bind(key);
        holders.bucket = self.session().await?.row(select).await?.map(|row| rows::bucket(&row)).transpose()?;
        Ok(holders)
    }

    async fn waiting_sorts(&self, lane: &Lane, rows: i64) -> StoreResult<Vec<WaitingGroup>> {
        let select = query(sql!("executors/explain.sql")).bind(lane.colony.0).bind(&lane.executor_type).bind(rows);
        self.session().await?.rows(select).await?.iter().map(|row| rows::waiting_sort(row)).collect()
    }

    async fn waiting_types(&self, colony: Option<ColonyKey>) -> StoreResult<Vec<(Colony, WaitingType)>> {
        let select = query(sql!("colonies/get_health.sql"))
            .bind(colony.map(|colony| colony.0))
            .bind(HEALTH_LANES_MAX)
            .bind(HEALTH_ROWS_MAX);
        self.session().await?.rows(select).await?.iter().map(|row| rows::waiting_type(row)).collect()
    }

    async fn running_types(&self) -> StoreResult<Vec<RunningType>> {
        let select = query(sql!("leases/running_types.sql"));
        self.session().await?.rows(select).await?.iter().map(|row| rows::running_type(row)).collect()
    }

    async fn troubles(&self, colony: ColonyKey, since_ms: i64) -> StoreResult<ColonyProblems> {
        let failures =
            query(sql!("colonies/get_health_failures.sql")).bind(colony.0).bind(since_ms).bind(HEALTH_COUNT_MAX);
        let waits =
            query(sql!("colonies/get_health_waits.sql")).bind(colony.0).bind(HEALTH_WAITS_MAX).bind(HEALTH_CAUSES_MAX);
        let (failures, waits) = {
            let mut session = self.session().await?;
            (session.rows(failures).await?, session.rows(waits).await?)
        };
        Ok(ColonyProblems {
            failures: failures.iter().map(|row| rows::failure_summary(row)).collect::<StoreResult<_>>()?,
            parents: dependencies::failed(self, colony).await?,
            waits: waits.iter().map(|row| rows::wait_summary(row)).collect::<StoreResult<_>>()?,
        })
    }
}
