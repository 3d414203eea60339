//! Between brokers: the common clock, and telling.

use std::time::Duration;

use sqlx::query;

use super::PostgresStore;
use crate::store::checks::check_notification;
use crate::store::{StoreError, StoreResult};

pub(super) async fn database_time_ms(store: &PostgresStore) -> StoreResult<i64> {
    let row = store.session().await?.row(query(include_str!("brokers/database_time.sql"))).await?;
    super::number(row.as_ref(), "now_ms")?.ok_or_else(|| StoreError::Refused("the database has no time".to_owned()))
}

pub(super) async fn notify(store: &PostgresStore, message: &str) -> StoreResult<()> {
    check_notification(message)?;
    store.session().await?.rows(query(include_str!("brokers/notify.sql")).bind(message)).await?;
    Ok(())
}

/// Writes a row of no meaning, unless work was committed within `age_max`.
pub(super) async fn prove_writable(store: &PostgresStore, age_max: Duration, now_ms: i64) -> StoreResult<()> {
    let full = |words| StoreError::Unavailable(format!("{words}: the database's disk is full; make room"));
    let write = async || {
        let write = query(include_str!("connections/prove_writable.sql")).bind(now_ms);
        store.session().await?.changed_little(write).await?;
        Ok(())
    };
    store.pool.commits().prove(age_max, full, write).await
}
