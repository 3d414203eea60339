//! The state of record as a reconciliation needs it: the one place that knows how readings become changes and rows.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;

use super::compare;
use crate::finance::change::Change;
use crate::finance::error::RecordError;
use crate::finance::limits::PAGE_MAX;
use crate::finance::reads::StripeReads;
use crate::finance::record::{Applied, Record};
use crate::finance::rows::{IdQuery, Row, RowQuery, StoredId};
use crate::finance::stripe_api::{Kind, StripeApi};
use crate::finance::writer::Writer;

/// Seconds before a read as of which it is written. Stripe's lists may lag a little behind its events, and a reading
/// must never win over an event that it does not contain.
pub const SETTLE_S: i64 = 10;

/// The state of record of one mode and account.
#[derive(Clone)]
pub(super) struct Ledger {
    record: Arc<dyn Record>,
    writer: Writer,
    livemode: bool,
    account: String,
}

/// An object of Stripe, read for the state of record.
pub(super) struct Wanted {
    pub(super) id: String,
    change: Change,
    row: Row,
}

impl Ledger {
    /// Names the mode of the key, and a connected account if it is not the key's own.
    pub(super) fn new(record: Arc<dyn Record>, stripe: &Arc<StripeApi>, account: Option<&str>) -> Self {
        let reads: Arc<dyn StripeReads> = Arc::<StripeApi>::clone(stripe);
        let writer = Writer::new(Arc::clone(&record)).with_reads(reads);
        Self { record, writer, livemode: stripe.key().is_live(), account: account.unwrap_or_default().to_owned() }
    }

    /// Reads an object as the events of its kind are read. The error is about the object.
    pub(super) fn read(&self, kind: Kind, object: &Value, as_of_s: i64) -> Result<Wanted, String> {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        let as_of_s = as_of_s.saturating_sub(SETTLE_S).max(0);
        let read = Change::from_object(&self.account, self.livemode, object, as_of_s);
        let change = read.map_err(|error| error.to_string())?;
        let mut document = serde_json::to_value(&change).map_err(|error| error.to_string())?;
        let part = match kind {
            Kind::Customers => "customer",
            Kind::Subscriptions => "subscription",
            _ => "object",
        };
        match document.get_mut(part).map(Value::take) {
            Some(Value::Object(row)) => Ok(Wanted { id, change, row }),
            _ => Err(change.event.reason.unwrap_or_else(|| "the state of record keeps nothing of it".to_owned())),
        }
    }

    /// Returns the stored rows of these objects, by id.
    pub(super) async fn stored(&self, kind: Kind, ids: Vec<String>) -> Result<HashMap<String, Row>, RecordError> {
        let query = RowQuery { kind, account: self.account.clone(), livemode: self.livemode, ids };
        let rows = self.record.rows(&query).await?;
        let id = |row: &Row| row.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(rows.into_iter().map(|row| (id(&row), row)).collect())
    }

    /// Returns a page of the stored ids of a kind, after this one.
    pub(super) async fn ids(&self, kind: Kind, after: String) -> Result<Vec<StoredId>, RecordError> {
        let (account, livemode) = (self.account.clone(), self.livemode);
        self.record.ids(&IdQuery { kind, account, livemode, after, limit: PAGE_MAX }).await
    }

    /// Writes objects, and returns the outcome of each, by its position.
    pub(super) async fn write(&self, wanted: Vec<Wanted>) -> Vec<(Wanted, Result<Applied, RecordError>)> {
        let (mut writing, mut written) = (JoinSet::new(), Vec::with_capacity(wanted.len()));
        for wanted in wanted {
            // A page at most; the writer brings what waits together.
            let writer = self.writer.clone();
            writing.spawn(async move {
                let outcome = writer.apply(wanted.change.clone()).await;
                (wanted, outcome)
            });
        }
        while let Some(ended) = writing.join_next().await {
            written.extend(ended.ok());
        }
        written
    }
}

impl Wanted {
    /// Returns the columns in which a stored row differs.
    pub(super) fn different(&self, kind: Kind, stored: &Row) -> Vec<String> {
        compare::different(kind, &self.row, stored)
    }
}
