//! Whole rows, by a read of the table.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::super::error::RecordError;
use super::super::rows::{IdQuery, Row, RowQuery, Rows, StoredId, table};
use super::super::stripe_api::Kind;
use super::record::PostgrestRecord;

/// Subscriptions whose items are read in one call: with Stripe's 20 items each, fewer rows than the 1,000 after which
/// Supabase cuts off an answer.
const SUBSCRIPTIONS_MAX: usize = 40;

/// Columns of a recorded event without what was received.
const EVENT_COLUMNS: &str = "account,livemode,id,type,created,object_type,object_id,outcome,reason,received_at";

#[async_trait]
impl Rows for PostgrestRecord {
    async fn rows(&self, which: &RowQuery) -> Result<Vec<Row>, RecordError> {
        let mut rows = self.select(table(which.kind), "id", "id.asc", which).await?;
        if which.kind == Kind::Subscriptions {
            let mut items = Vec::new();
            for ids in which.ids.chunks(SUBSCRIPTIONS_MAX) {
                let some = RowQuery { ids: ids.to_vec(), ..which.clone() };
                items.extend(self.select("stripe_subscription_items", "subscription_id", "position.asc", &some).await?);
            }
            for row in &mut rows {
                let is_own = |item: &&Row| item.get("subscription_id") == row.get("id");
                let own = items.iter().filter(is_own).cloned().map(Value::Object).collect();
                row.insert("items".to_owned(), Value::Array(own));
            }
        }
        Ok(rows)
    }

    async fn events(&self, id: &str) -> Result<Vec<Row>, RecordError> {
        let filters = [
            ("select", EVENT_COLUMNS.to_owned()),
            ("id", format!("eq.{id}")),
            ("order", "account.asc,livemode.asc".to_owned()),
        ];
        let rows = self.outbound.call(|| self.client.select("stripe_events", &filters)).await?;
        serde_json::from_slice(&rows).map_err(|error| RecordError::Answer(error.to_string()))
    }

    async fn ids(&self, which: &IdQuery) -> Result<Vec<StoredId>, RecordError> {
        let columns = match which.kind {
            Kind::Customers => "id,deleted",
            Kind::Invoices => "id,outcome",
            _ => "id",
        };
        let filters = [
            ("select", columns.to_owned()),
            ("account", format!("eq.{}", which.account)),
            ("livemode", format!("is.{}", which.livemode)),
            ("id", format!("gt.{}", which.after)),
            ("order", "id.asc".to_owned()),
            ("limit", which.limit.to_string()),
        ];
        let rows = self.outbound.call(|| self.client.select(table(which.kind), &filters)).await?;
        let rows: Vec<IdRow> = serde_json::from_slice(&rows).map_err(|error| RecordError::Answer(error.to_string()))?;
        Ok(rows.into_iter().map(StoredId::from).collect())
    }
}

/// A row of a page of ids.
#[derive(Deserialize)]
struct IdRow {
    id: String,
    /// Column of a customer.
    #[serde(default)]
    deleted: bool,
    /// Column of an invoice.
    outcome: Option<String>,
}

impl From<IdRow> for StoredId {
    fn from(row: IdRow) -> Self {
        Self { is_deleted: row.deleted || row.outcome.as_deref() == Some("deleted"), id: row.id }
    }
}

impl PostgrestRecord {
    async fn select(&self, table: &str, column: &str, order: &str, which: &RowQuery) -> Result<Vec<Row>, RecordError> {
        if which.ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = which.ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(",");
        let filters = [
            ("select", "*".to_owned()),
            ("account", format!("eq.{}", which.account)),
            ("livemode", format!("is.{}", which.livemode)),
            (column, format!("in.({ids})")),
            ("order", order.to_owned()),
        ];
        let rows = self.outbound.call(|| self.client.select(table, &filters)).await?;
        serde_json::from_slice(&rows).map_err(|error| RecordError::Answer(error.to_string()))
    }
}

/// Quotes a value in a list of PostgREST's.
fn quoted(id: &str) -> String {
    format!("\"{}\"", id.replace('\\', "\\\\").replace('"', "\\\""))
}
