//! A customer or subscription with every column.

use apiary_bees::finance::rows::{Row, RowQuery};
use apiary_bees::finance::stripe_api::Kind;
use apiary_bees::finance::{Record, RecordError, SubscriptionQuery};
use serde::Serialize;
use serde_json::Value;

use crate::exit::{Exit, Fault};
use crate::output::{listing, plain};

/// A customer with its subscriptions.
#[derive(Serialize)]
pub(super) struct Object {
    customer: Option<Row>,
    subscriptions: Vec<Row>,
}

/// Reads an object by its id, in the first of these modes that has it.
pub(super) async fn read(record: &dyn Record, modes: &[bool], id: &str) -> anyhow::Result<Object> {
    for livemode in modes {
        let found = match Kind::of_id(id) {
            Some(Kind::Customers) => of_customer(record, *livemode, id).await,
            Some(Kind::Subscriptions) => of_subscription(record, *livemode, id).await,
            _ => {
                return Err(
                    Fault::usage(format!("`{id}` is no id of a customer, cus_…, or a subscription, sub_…")).into()
                );
            }
        };
        if let Some(object) = found? {
            return Ok(object);
        }
    }
    let fault = Fault::new(Exit::NotFound, format!("the state of record has no `{id}`"));
    Err(fault.hint("`apiary record diff ID` looks whether Stripe has it").into())
}

async fn of_customer(record: &dyn Record, livemode: bool, id: &str) -> Result<Option<Object>, RecordError> {
    let customer = rows(record, Kind::Customers, livemode, vec![id.to_owned()]).await?.pop();
    let query = SubscriptionQuery { customer_id: Some(id.to_owned()), ..SubscriptionQuery::all(livemode) };
    let ids: Vec<String> = record.subscriptions(&query).await?.into_iter().map(|row| row.id).collect();
    let subscriptions =
        if ids.is_empty() { Vec::new() } else { rows(record, Kind::Subscriptions, livemode, ids).await? };
    Ok((customer.is_some() || !subscriptions.is_empty()).then_some(Object { customer, subscriptions }))
}

async fn of_subscription(record: &dyn Record, livemode: bool, id: &str) -> Result<Option<Object>, RecordError> {
    let subscriptions = rows(record, Kind::Subscriptions, livemode, vec![id.to_owned()]).await?;
    let Some(row) = subscriptions.first() else { return Ok(None) };
    let customer = match row.get("customer_id").and_then(Value::as_str) {
        Some(customer) => rows(record, Kind::Customers, livemode, vec![customer.to_owned()]).await?.pop(),
        None => None,
    };
    Ok(Some(Object { customer, subscriptions }))
}

async fn rows(record: &dyn Record, kind: Kind, livemode: bool, ids: Vec<String>) -> Result<Vec<Row>, RecordError> {
    record.rows(&RowQuery { kind, account: String::new(), livemode, ids }).await
}

/// Formats an object: each row with its columns, without those that are empty and without versions.
pub(super) fn text(object: &Object) -> String {
    let customer = object.customer.iter().map(|row| ("customer", row));
    let subscriptions = object.subscriptions.iter().map(|row| ("subscription", row));
    let rows = customer.chain(subscriptions).map(|(name, row)| listing(entries(name, row)));
    rows.collect::<Vec<_>>().join("\n\n")
}

fn entries(name: &str, row: &Row) -> Vec<(String, String)> {
    let is_shown = |(column, value): &(&String, &Value)| {
        !column.ends_with("_version") && !value.is_null() && *column != "id" && value.as_str() != Some("")
    };
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), plain);
    let id = row.get("id").map(cell).unwrap_or_default();
    let columns = row.iter().filter(is_shown).map(|(column, value)| (column.clone(), cell(value)));
    std::iter::once((name.to_owned(), id)).chain(columns).collect()
}
