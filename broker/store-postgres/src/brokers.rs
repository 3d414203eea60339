//! Between brokers: the common clock, and telling.

use std::time::Duration;

use apiary_database::{query, sql};
use apiary_store::checks::check_notification;
use apiary_store::{BrokerStore, StoreError, StoreResult};

use crate::PostgresStore;

#[async_trait::async_trait]
impl BrokerStore for PostgresStore {
    async fn notify(&self, message: &str) -> StoreResult<()> {
        check_notification(message)?;
        self.session().await?.rows(query(sql!("brokers/notify.sql")).bind(message)).await?;
        Ok(())
    }

    async fn listen(&self) -> StoreResult<Option<tokio::sync::mpsc::Receiver<String>>> {
        crate::listener::listen(self).await
    }

    async fn count_listeners(&self) -> StoreResult<Option<i64>> {
        let row = self.session().await?.row(query(sql!("brokers/count_listeners.sql"))).await?;
        super::number(row.as_ref(), "listeners")
    }
}

pub(super) async fn database_time_ms(store: &PostgresStore) -> StoreResult<i64> {
    let row = store.session().await?.row(query(sql!("brokers/database_time.sql"))).await?;
    super::number(row.as_ref(), "now_ms")?.ok_or_else(|| StoreError::Refused("the database has no time".to_owned()))
}

/// Writes a row of no meaning, unless work was committed within `age_max`.
pub(super) async fn prove_writable(store: &PostgresStore, age_max: Duration, now_ms: i64) -> StoreResult<()> {
    let full = |words| StoreError::Unavailable(format!("{words}: the database's disk is full; make room"));
    let write = async || {
        let write = query(sql!("connections/prove_writable.sql")).bind(now_ms);
        store.session().await?.changed_little(write).await?;
        Ok(())
    };
    store.pool.commits().prove(age_max, full, write).await
}
