//! Objects as several versions of Stripe's API show them: a field that one leaves out stays known.

use std::sync::Arc;

use apiary_bees::finance::rows::{Row, RowQuery};
use apiary_bees::finance::stripe_api::Kind;
use apiary_bees::finance::{Change, Record, Writer};
use serde_json::{Value, json};
use sqlx::query_scalar;

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, apply, event, of_account};
use crate::harness::file::File;

/// A payment, a charge and a checkout before API version 2025-03-31, and since.
fn objects() -> [(&'static str, Value, Value); 3] {
    let payment =
        json!({"id": "pi_1", "object": "payment_intent", "status": "processing", "amount": 1, "currency": "eur"});
    let charge = json!({"id": "ch_1", "object": "charge", "status": "succeeded", "amount": 1, "currency": "eur"});
    let checkout = json!({"id": "cs_1", "object": "checkout.session", "status": "complete", "mode": "payment"});
    let of_invoice = |mut object: Value| {
        object["invoice"] = json!("in_1");
        object
    };
    [
        ("payment_intent.processing", of_invoice(payment.clone()), payment),
        ("charge.updated", of_invoice(charge.clone()), charge),
        ("checkout.session.expired", of_invoice(checkout.clone()), checkout),
    ]
}

/// Events of the objects: the invoice is known by the first, the second, or the first of one second.
fn deliveries() -> Vec<Vec<Vec<u8>>> {
    let mut deliveries = Vec::new();
    for (later, old_is_first) in [(1, true), (1, false), (0, true), (0, false)] {
        let mut events = Vec::new();
        for (event_type, old, new) in objects() {
            let (first, second) = if old_is_first { (&old, &new) } else { (&new, &old) };
            let id = old["id"].as_str().unwrap();
            events.push(event(&format!("evt_{id}_1"), event_type, T0, first));
            events.push(event(&format!("evt_{id}_2"), event_type, T0 + later, second));
        }
        deliveries.push(events.iter().rev().cloned().collect());
        deliveries.push(events);
    }
    deliveries
}

const UNKNOWN: &str = "select (select count(*) from stripe_payments where invoice_id is null)
    + (select count(*) from stripe_charges where invoice_id is null)
    + (select count(*) from stripe_checkouts where invoice_id is null)";

#[tokio::test]
async fn the_invoice_of_a_payment_stays_known_in_a_file() {
    for events in deliveries() {
        let file = File::new().await;
        for event in &events {
            apply(&file.record, event).await;
        }
        let unknown: i64 = query_scalar(UNKNOWN).fetch_one(&mut file.connect().await).await.unwrap();
        assert_eq!(unknown, 0);
    }
}

#[tokio::test]
async fn the_invoice_of_a_payment_stays_known_in_postgres() {
    let database = PrivateDatabase::migrated().await;
    let (postgres, mut connection) = (database.record(), database.connect().await);
    for (n, events) in deliveries().iter().enumerate() {
        for event in events {
            apply(&postgres, &of_account(event, &format!("acct_{n}"))).await;
        }
        let unknown: i64 = query_scalar(UNKNOWN).fetch_one(&mut connection).await.unwrap();
        assert_eq!(unknown, 0, "{n}");
    }
    database.drop().await;
}

async fn payment(record: &dyn Record) -> Row {
    let query =
        RowQuery { kind: Kind::PaymentIntents, account: String::new(), livemode: false, ids: vec!["pi_1".to_owned()] };
    record.rows(&query).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_read_in_the_pinned_version_keeps_the_invoice() {
    let file = File::new().await;
    let [(event_type, mut old, mut new), ..] = objects();
    old["customer_account"] = json!("acct_buyer");
    apply(&file.record, &event("evt_1", event_type, T0, &old)).await;
    new["status"] = json!("succeeded");
    let writer = Writer::new(Arc::clone(&file.record) as Arc<dyn Record>);
    writer.apply(Change::from_object("", false, &new, T0 + 60).unwrap()).await.unwrap();
    let row = payment(&*file.record).await;
    assert_eq!((&row["status"], &row["invoice_id"]), (&json!("succeeded"), &json!("in_1")));
    assert_eq!(row["customer_account"], "acct_buyer");
}

#[tokio::test]
async fn the_charge_of_a_payment_is_found_in_old_versions_of_the_api() {
    let file = File::new().await;
    let [(event_type, mut old, _), ..] = objects();
    old["charges"] =
        json!({"object": "list", "data": [{"id": "ch_2", "object": "charge"}, {"id": "ch_1", "object": "charge"}]});
    apply(&file.record, &event("evt_1", event_type, T0, &old)).await;
    assert_eq!(payment(&*file.record).await["latest_charge_id"], "ch_2");
}
