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

/// A page of the ids of a kind, in the order of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdQuery {
    /// Kind of the objects, which chooses the table.
    pub kind: Kind,
    /// Connected account; empty for one's own.
    pub account: String,
    /// True for live mode, false for test mode.
    pub livemode: bool,
    /// The last id of the previous page; empty for the first page.
    pub after: String,
    /// Most ids; a database may return fewer, but none only after the last.
    pub limit: u32,
}

/// The id of a stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredId {
    /// The id.
    pub id: String,
    /// True if the object is recorded as deleted at Stripe.
    pub is_deleted: bool,
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

    /// Returns a page of ids.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::rows`].
    async fn ids(&self, query: &IdQuery) -> Result<Vec<StoredId>, RecordError>;

    /// Returns the recorded events with this id, of any account and mode, without what was received.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::rows`].
    async fn events(&self, id: &str) -> Result<Vec<Row>, RecordError>;
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
