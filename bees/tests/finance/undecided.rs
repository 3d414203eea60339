//! Ties whose writer ended before its decision: whatever comes meanwhile, and after it, ends as without the break.

use std::sync::Arc;

use apiary_bees::finance::rows::RowQuery;
use apiary_bees::finance::stripe_api::Kind;
use apiary_bees::finance::{Answer, Applied, Change, Record};
use serde_json::{Value, json};

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{One as _, T0, event, of_account, subscription};
use crate::harness::file::File;
use crate::harness::supabase_lite::SupabaseLite;

/// An object of a kind, in a state.
fn object(kind: Kind, state: &str) -> (&'static str, Value) {
    let object = match kind {
        Kind::Customers => json!({"id": "cus_1", "object": "customer", "name": state}),
        Kind::PaymentIntents => {
            json!({"id": "pi_1", "object": "payment_intent", "status": state, "amount": 500, "currency": "eur"})
        }
        _ => return ("sub_1", subscription("sub_1", "cus_1", state, T0)),
    };
    (if kind == Kind::Customers { "cus_1" } else { "pi_1" }, object)
}

/// An event of an account's object, which lists no previous values.
fn change(kind: Kind, account: &str, number: i64, at: i64, state: &str) -> Change {
    let event_type = match kind {
        Kind::Customers => "customer.updated",
        Kind::PaymentIntents => "payment_intent.processing",
        _ => "customer.subscription.updated",
    };
    let bytes = event(&format!("evt_{kind}_{number}"), event_type, at, &object(kind, state).1);
    Change::from_event(&of_account(&bytes, account)).unwrap()
}

/// The marks of an account's object, and its state.
async fn row(record: &dyn Record, kind: Kind, account: &str) -> [Value; 3] {
    let ids = vec![object(kind, "").0.to_owned()];
    let rows = record.rows(&RowQuery { kind, account: account.to_owned(), livemode: false, ids }).await.unwrap();
    let column = |name: &str| rows[0].get(name).cloned().unwrap_or_default();
    // SQLite has numbers for booleans.
    let mark = |name: &str| json!(matches!(column(name), Value::Bool(true)) || column(name) == json!(1));
    let state = if kind == Kind::Customers { "name" } else { "status" };
    [column(state), mark("order_uncertain"), mark("order_open")]
}

async fn a_tie_without_its_decision_leaves_no_trace<R: Record>(record: Arc<R>) {
    for kind in [Kind::Subscriptions, Kind::Customers, Kind::PaymentIntents] {
        let of = |account, number, at, state| change(kind, account, number, at, state);
        let lone = |account| of(account, 1, T0 + 1, "active");
        let pending = |account| of(account, 2, T0 + 1, "past_due");
        let older = |account| of(account, 3, T0, "trialing");
        assert_eq!(record.one(&lone("acct_broken")).await.unwrap(), Applied::Applied);
        let tie = record.apply(&[&pending("acct_broken")]).await.unwrap().remove(0);
        assert!(matches!(tie, Answer::Tie(_)), "{tie:?}");
        record.one(&older("acct_broken")).await.unwrap();
        for event in [lone("acct_whole"), older("acct_whole")] {
            record.one(&event).await.unwrap();
        }
        let whole = [json!("active"), json!(false), json!(false)];
        assert_eq!(row(&*record, kind, "acct_whole").await, whole);
        assert_eq!(row(&*record, kind, "acct_broken").await, whole, "{kind}: one event alone has this second");
        for account in ["acct_broken", "acct_whole"] {
            assert_eq!(record.one(&pending(account)).await.unwrap(), Applied::Applied);
        }
        let whole = row(&*record, kind, "acct_whole").await;
        assert_eq!(whole[1..], [json!(true), json!(true)], "{kind}: now the order is a guess");
        assert_eq!(row(&*record, kind, "acct_broken").await, whole);
    }
}

#[tokio::test]
async fn in_a_file_a_tie_without_its_decision_leaves_no_trace() {
    a_tie_without_its_decision_leaves_no_trace(File::new().await.record).await;
}

#[tokio::test]
async fn in_postgres_a_tie_without_its_decision_leaves_no_trace() {
    let database = PrivateDatabase::migrated().await;
    a_tie_without_its_decision_leaves_no_trace(database.record()).await;
    database.drop().await;
}

#[tokio::test]
async fn through_postgrest_a_tie_without_its_decision_leaves_no_trace() {
    let server = SupabaseLite::migrated().await;
    a_tie_without_its_decision_leaves_no_trace(server.record()).await;
    server.stop().await;
}
