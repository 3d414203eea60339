//! Whole rows, with the values that SQLite has: booleans are numbers, times and JSON are texts.

use async_trait::async_trait;
use serde_json::Value;
use sqlx::sqlite::{SqliteColumn, SqliteRow};
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _, query};

use super::super::error::RecordError;
use super::super::rows::{IdQuery, Row, RowQuery, Rows, StoredId};
use super::super::stripe_api::Kind;
use super::error;
use super::record::SqliteRecord;

#[async_trait]
impl Rows for SqliteRecord {
    async fn rows(&self, which: &RowQuery) -> Result<Vec<Row>, RecordError> {
        let ids = Value::from(which.ids.clone()).to_string();
        let select = query(statement(which.kind)).bind(&which.account).bind(which.livemode).bind(ids);
        let rows = self.writer.begin().await.map_err(error::of)?.rows(select).await.map_err(error::of)?;
        rows.iter().map(row).collect::<Result<_, _>>().map_err(error::of)
    }

    async fn events(&self, id: &str) -> Result<Vec<Row>, RecordError> {
        let select = query(include_str!("events_by_id.sql")).bind(id);
        let rows = self.writer.begin().await.map_err(error::of)?.rows(select).await.map_err(error::of)?;
        rows.iter().map(row).collect::<Result<_, _>>().map_err(error::of)
    }

    async fn ids(&self, which: &IdQuery) -> Result<Vec<StoredId>, RecordError> {
        let select = query(include_str!("ids.sql"))
            .bind(which.kind.as_str())
            .bind(&which.account)
            .bind(which.livemode)
            .bind(&which.after)
            .bind(which.limit);
        let rows = self.writer.begin().await.map_err(error::of)?.rows(select).await.map_err(error::of)?;
        let id = |row: &SqliteRow| Ok(StoredId { id: row.try_get(0)?, is_deleted: row.try_get(1)? });
        rows.iter().map(id).collect::<Result<_, _>>().map_err(error::of)
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

fn row(from: &SqliteRow) -> Result<Row, sqlx::Error> {
    let entry = |(number, column): (usize, &SqliteColumn)| Ok((column.name().to_owned(), value(from, number)?));
    from.columns().iter().enumerate().map(entry).collect()
}

fn value(from: &SqliteRow, number: usize) -> Result<Value, sqlx::Error> {
    let raw = from.try_get_raw(number)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "TEXT" => Value::from(from.try_get::<String, _>(number)?),
        _ => Value::from(from.try_get::<i64, _>(number)?),
    })
}
