//! Whole rows, as JSON.

use async_trait::async_trait;
use sqlx::{Row as _, query};

use super::super::error::RecordError;
use super::super::limits::READ_TIMEOUT;
use super::super::rows::{IdQuery, Row, RowQuery, Rows, StoredId, of_json};
use super::super::stripe_api::Kind;
use super::record::{PostgresRecord, within};

#[async_trait]
impl Rows for PostgresRecord {
    async fn rows(&self, which: &RowQuery) -> Result<Vec<Row>, RecordError> {
        let statement = statement(which.kind);
        let rows = self.outbound.call(|| async {
            let select = query(statement).bind(&which.account).bind(which.livemode).bind(&which.ids[..]);
            let rows = async {
                let rows = self.pool.session().await?.rows(select).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()
            };
            within(READ_TIMEOUT, rows).await
        });
        rows.await?.iter().map(|row| of_json(row.as_bytes())).collect()
    }

    async fn events(&self, id: &str) -> Result<Vec<Row>, RecordError> {
        let rows = self.outbound.call(|| async {
            let select = query(include_str!("events_by_id.sql")).bind(id);
            let rows = async {
                let rows = self.pool.session().await?.rows(select).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()
            };
            within(READ_TIMEOUT, rows).await
        });
        rows.await?.iter().map(|row| of_json(row.as_bytes())).collect()
    }

    async fn ids(&self, which: &IdQuery) -> Result<Vec<StoredId>, RecordError> {
        let ids = self.outbound.call(|| async {
            let select = query(include_str!("ids.sql"))
                .bind(which.kind.as_str())
                .bind(&which.account)
                .bind(which.livemode)
                .bind(&which.after)
                .bind(i64::from(which.limit));
            let ids = async {
                let rows = self.pool.session().await?.rows(select).await?;
                rows.iter().map(|row| Ok(StoredId { id: row.try_get(0)?, is_deleted: row.try_get(1)? })).collect()
            };
            within(READ_TIMEOUT, ids).await
        });
        ids.await
    }
}

fn statement(kind: Kind) -> &'static str {
    match kind {
        Kind::Customers => include_str!("customer_rows.sql"),
        Kind::Subscriptions => include_str!("subscription_rows.sql"),
        Kind::Invoices => include_str!("invoice_rows.sql"),
        Kind::PaymentIntents => include_str!("payment_rows.sql"),
        Kind::Refunds => include_str!("refund_rows.sql"),
        Kind::Disputes => include_str!("dispute_rows.sql"),
        Kind::Schedules => include_str!("schedule_rows.sql"),
    }
}
