//! The end state, read from either database in the same words.

use apiary_bees::finance::{Record, Subscription, SubscriptionQuery};
use sqlx::{Database, Decode, Row, Type};

/// Everything that is stored, but for what says when it was stored.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    subscriptions: Vec<Subscription>,
    tables: Vec<Vec<Vec<Option<String>>>>,
    customer_metadata: Vec<serde_json::Value>,
}

/// Statements that both databases understand, with nothing but texts in their answers. Versions are without their
/// revisions: how many events had to be compared depends on the order in which they came.
pub(crate) const TABLES: [&str; 11] = [
    "select account, id, case when livemode then 'live' else 'test' end, substr(state_version, 1, 14), email, name,
        metadata_user_id, case when deleted then 'deleted' else '' end, checkout_version, checkout_email, checkout_name,
        checkout_user_id, user_id, case when order_uncertain then 'uncertain' else '' end, cast(metadata as text)
        from stripe_customers order by 1, 2, 3",
    "select account, id, case when livemode then 'live' else 'test' end, customer_version, substr(state_version, 1, 14),
        checkout_version, case when invoice_version = '' then '' else
        substr(invoice_version, 1, length(invoice_version) - 4) end, metadata_user_id, checkout_user_id,
        customer_account, case when items_incomplete then 'incomplete' else '' end from stripe_subscriptions order by 1, 2, 3",
    "select account, subscription_id, id, case when livemode then 'live' else 'test' end, cast(position as text),
        price_id, product_id, cast(quantity as text), case when metered then 'metered' else '' end, currency,
        cast(unit_amount as text), \"interval\", cast(interval_count as text)
        from stripe_subscription_items order by 1, 2, 3, 4",
    // Without the outcome: which of two events was the first to change something does depend on their order.
    "select account, id, case when livemode then 'live' else 'test' end, type, object_type, object_id, customer_id,
        subscription_id, reason, payload from stripe_events order by 1, 2, 3",
    "select account, id, case when livemode then 'live' else 'test' end, substr(state_version, 1, 14), status,
        cast(amount_received as text), customer_id, invoice_id,
        case when order_uncertain then 'uncertain' else '' end, metadata_user_id
        from stripe_payments order by 1, 2, 3",
    "select account, id, case when livemode then 'live' else 'test' end, substr(state_version, 1, 14), status,
        cast(amount_refunded as text), payment_id, invoice_id,
        case when order_uncertain then 'uncertain' else '' end, metadata_user_id
        from stripe_charges order by 1, 2, 3",
    "select account, id, case when livemode then 'live' else 'test' end, substr(state_version, 1, 14), status,
        cast(amount_total as text), payment_id,
        case when order_uncertain then 'uncertain' else '' end, metadata_user_id
        from stripe_checkouts order by 1, 2, 3",
    "select account, id, case when livemode then 'live' else 'test' end, substr(state_version, 1, 14), status,
        cast(amount as text), charge_id,
        case when order_uncertain then 'uncertain' else '' end, metadata_user_id
        from stripe_refunds order by 1, 2, 3",
    "select account, id, case when livemode then 'live' else 'test' end, substr(state_version, 1, 14), status,
        cast(amount as text), charge_id,
        case when order_uncertain then 'uncertain' else '' end, metadata_user_id
        from stripe_disputes order by 1, 2, 3",
    "select account, id, case when livemode then 'live' else 'test' end, substr(state_version, 1, 14), status,
        cast(amount_paid as text), subscription_id,
        case when order_uncertain then 'uncertain' else '' end, metadata_user_id
        from stripe_invoices order by 1, 2, 3",
    "select account, id, case when livemode then 'live' else 'test' end, substr(state_version, 1, 14), status,
        cast(next_quantity as text), next_price_id,
        case when order_uncertain then 'uncertain' else '' end, metadata_user_id
        from stripe_schedules order by 1, 2, 3",
];

impl State {
    pub(crate) async fn new(record: &dyn Record, mut tables: Vec<Vec<Vec<Option<String>>>>) -> Self {
        // As values, because the databases print JSON in different ways.
        let metadata = tables[0].iter_mut().map(|row| row.pop().unwrap().unwrap());
        let customer_metadata = metadata.map(|text| serde_json::from_str(&text).unwrap()).collect();
        let mut subscriptions = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap();
        subscriptions.extend(record.subscriptions(&SubscriptionQuery::all(true)).await.unwrap());
        Self { subscriptions, tables, customer_metadata }
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
