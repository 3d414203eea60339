//! Rows of the state of record with all their columns, whatever they are.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::error::RecordError;
use super::stripe_api::Kind;

/// A row: values by column. Back-ends differ in the form of times, booleans and JSON. A subscription has its items in a
/// column `items`.
pub type Row = Map<String, Value>;

/// A selection of rows by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowQuery {
    /// Kind of the objects, which chooses the table.
    pub kind: Kind,
    /// Connected account; empty for one's own.
    pub account: String,
    /// True for live mode, false for test mode.
    pub livemode: bool,
    /// Ids of the objects.
    pub ids: Vec<String>,
}

/// Reads of whole rows, beside the state of record's own calls.
#[async_trait]
pub trait Rows: Send + Sync {
    /// Returns the rows of these objects, as far as there are any.
    ///
    /// # Errors
    ///
    /// The errors of [`Record::subscriptions`](super::Record::subscriptions).
    async fn rows(&self, query: &RowQuery) -> Result<Vec<Row>, RecordError>;
}

/// Returns the table of a kind.
pub(super) fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Customers => "stripe_customers",
        Kind::Subscriptions => "stripe_subscriptions",
        Kind::Invoices => "stripe_invoices",
        Kind::PaymentIntents => "stripe_payments",
        Kind::Refunds => "stripe_refunds",
        Kind::Disputes => "stripe_disputes",
        Kind::Schedules => "stripe_schedules",
    }
}

/// Reads a row from JSON.
pub(super) fn of_json(text: &[u8]) -> Result<Row, RecordError> {
    serde_json::from_slice(text).map_err(|error| RecordError::Answer(error.to_string()))
}
