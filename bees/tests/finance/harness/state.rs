//! The end state, read from either database in the same words.

use apiary_bees::finance::{Record, Subscription, SubscriptionQuery};
use sqlx::{Database, Decode, Row, Type};

/// Everything that is stored, but for what says when it was stored.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    subscriptions: Vec<Subscription>,
    versions: Vec<Vec<Option<String>>>,
    customers: Vec<Vec<Option<String>>>,
    customer_metadata: Vec<serde_json::Value>,
    events: Vec<Vec<Option<String>>>,
}

/// Statements that both databases understand, with nothing but texts in their answers.
pub(crate) const VERSIONS: &str = "select id, case when livemode then 'live' else 'test' end, customer_version,
    state_version, checkout_version, invoice_version, metadata_user_id, checkout_user_id
    from stripe_subscriptions order by 1, 2";
pub(crate) const CUSTOMERS: &str = "select id, case when livemode then 'live' else 'test' end, state_version, email,
    name, metadata_user_id, case when deleted then 'deleted' else '' end, checkout_version, checkout_email,
    checkout_name, checkout_user_id, user_id, cast(metadata as text)
    from stripe_customers order by 1, 2";
/// Without the outcome: which of two events was the first to change something does depend on their order.
pub(crate) const EVENTS: &str = "select id, case when livemode then 'live' else 'test' end, type, customer_id,
    subscription_id, reason, payload from stripe_events order by 1, 2";

impl State {
    pub(crate) async fn new(
        record: &dyn Record,
        versions: Vec<Vec<Option<String>>>,
        mut customers: Vec<Vec<Option<String>>>,
        events: Vec<Vec<Option<String>>>,
    ) -> Self {
        // As values, because the databases print JSON in different ways.
        let metadata = customers.iter_mut().map(|row| row.pop().unwrap().unwrap());
        let customer_metadata = metadata.map(|text| serde_json::from_str(&text).unwrap()).collect();
        let mut subscriptions = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap();
        subscriptions.extend(record.subscriptions(&SubscriptionQuery::all(true)).await.unwrap());
        Self { subscriptions, versions, customers, customer_metadata, events }
    }
}

/// Rows as texts.
pub(crate) fn texts<'r, DB, R>(rows: &'r [R]) -> Vec<Vec<Option<String>>>
where
    DB: Database,
    R: Row<Database = DB>,
    usize: sqlx::ColumnIndex<R>,
    Option<String>: Decode<'r, DB> + Type<DB>,
{
    rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
}
