//! Compares an object of Stripe with its row.

use jiff::Timestamp;
use serde_json::Value;

use crate::finance::rows::Row;
use crate::finance::stripe_api::Kind;

/// True while the order of an object's last events is a guess. A reading is none, so a repair ends it.
const UNCERTAIN: &str = "order_uncertain";
/// True while events have shown a part of a subscription's items. A reading shows all.
const INCOMPLETE: &str = "items_incomplete";
/// Columns of a customer that its object at Stripe decides.
const CUSTOMER: &[&str] = &["email", "name", "metadata", "metadata_user_id", "deleted", UNCERTAIN];
/// Columns of a subscription that its object at Stripe decides.
const SUBSCRIPTION: &[&str] = &[
    "customer_id",
    "status",
    "customer_account",
    "price_id",
    "product_id",
    "quantity",
    "currency",
    "current_period_start",
    "current_period_end",
    "cancel_at_period_end",
    "cancel_at",
    "canceled_at",
    "ended_at",
    "trial_start",
    "trial_end",
    "pause_collection_behavior",
    "pause_collection_resumes_at",
    "metadata",
    "metadata_user_id",
    "items",
    INCOMPLETE,
    UNCERTAIN,
];
/// Key and version of a row of another object, which are no values of the object.
const KEY: [&str; 6] = ["table", "account", "livemode", "id", "state_version", "order_open"];
/// The last outcome of an invoice, which events tell and objects do not.
const OUTCOME: &str = "outcome";
/// Columns that never change once they are known, and that the pinned version of the API may leave out.
const CONSTANTS: [&str; 2] = ["invoice_id", "customer_account"];
/// Column of an item that is no value of it.
const ITEM_VERSION: &str = "version";

/// Returns the columns to compare.
fn columns(kind: Kind, expected: &Row) -> Vec<&str> {
    match kind {
        // A customer deleted at Stripe has nothing else left.
        Kind::Customers if expected.get("deleted") == Some(&Value::Bool(true)) => vec!["deleted"],
        Kind::Customers => CUSTOMER.to_vec(),
        Kind::Subscriptions => SUBSCRIPTION.to_vec(),
        Kind::Invoices | Kind::PaymentIntents | Kind::Refunds | Kind::Disputes | Kind::Schedules => {
            let is_value = |column: &&str| !KEY.contains(column) && *column != OUTCOME;
            expected.keys().map(String::as_str).filter(is_value).collect()
        }
    }
}

/// Returns the columns in which the stored row differs from the expected one.
pub(super) fn different(kind: Kind, expected: &Row, stored: &Row) -> Vec<String> {
    let value = |row: &Row, column: &str| row.get(column).cloned().unwrap_or_default();
    let differs = |column: &&str| match (*column, value(expected, column)) {
        (INCOMPLETE, _) => !is_same(&Value::Bool(false), &value(stored, column)),
        (name, Value::Null) if CONSTANTS.contains(&name) => false,
        (_, expected) => !is_same(&expected, &value(stored, column)),
    };
    columns(kind, expected).into_iter().filter(differs).map(str::to_owned).collect()
}

/// Compares values, whose forms differ by back-end: a time may have any offset, and SQLite has numbers for booleans and
/// texts for JSON. Of a row in a list, columns that nobody expects are left out.
fn is_same(expected: &Value, stored: &Value) -> bool {
    match (expected, stored) {
        (Value::Bool(expected), Value::Number(stored)) => stored.as_i64() == Some(i64::from(*expected)),
        (Value::Object(_) | Value::Array(_), Value::String(stored)) => {
            serde_json::from_str::<Value>(stored).is_ok_and(|stored| is_same(expected, &stored))
        }
        (Value::Array(expected), Value::Array(stored)) => {
            expected.len() == stored.len() && expected.iter().zip(stored).all(|(one, other)| is_same_row(one, other))
        }
        (Value::String(expected), Value::String(stored)) if expected != stored => {
            let time = |text: &str| text.parse::<Timestamp>().ok();
            time(expected).is_some_and(|expected| time(stored) == Some(expected))
        }
        _ => expected == stored,
    }
}

fn is_same_row(expected: &Value, stored: &Value) -> bool {
    match (expected, stored) {
        (Value::Object(expected), Value::Object(stored)) => {
            let mut values = expected.iter().filter(|(column, _)| *column != ITEM_VERSION);
            values.all(|(column, value)| is_same(value, stored.get(column).unwrap_or(&Value::Null)))
        }
        _ => is_same(expected, stored),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_of_the_back_ends_are_the_same_value() {
        for (expected, stored) in [
            (json!(null), json!(null)),
            (json!(true), json!(1)),
            (json!(false), json!(false)),
            (json!({"a": "b"}), json!(r#"{"a":"b"}"#)),
            (json!("2026-11-21T10:00:00Z"), json!("2026-11-21T11:00:00+01:00")),
            (json!(7), json!(7)),
            (json!([{"id": "si_1", "metered": true}]), json!([{"id": "si_1", "metered": true, "account": ""}])),
            (json!([{"id": "si_1", "metered": true}]), json!(r#"[{"id": "si_1", "metered": 1}]"#)),
            (json!([{"id": "si_1", "version": "a"}]), json!([{"id": "si_1", "version": "b"}])),
        ] {
            assert!(is_same(&expected, &stored), "{expected} {stored}");
        }
        for (expected, stored) in [
            (json!(null), json!("")),
            (json!(true), json!(0)),
            (json!({"a": "b"}), json!("{}")),
            (json!("2026-11-21T10:00:00Z"), json!("2026-11-21T10:00:01Z")),
            (json!("active"), json!("past_due")),
            (json!(7), json!("7")),
            (json!([{"id": "si_1"}]), json!([])),
            (json!([{"id": "si_1", "quantity": 2}]), json!([{"id": "si_1"}])),
        ] {
            assert!(!is_same(&expected, &stored), "{expected} {stored}");
        }
    }
}
