//! Between brokers: the common clock, and telling.

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
    store.session().await?.changed(query(include_str!("brokers/notify.sql")).bind(message)).await?;
    Ok(())
}
