//! Repairs, and events that arrive meanwhile.

use std::sync::Arc;

use apiary_bees::finance::reconcile::{Request, SETTLE_S};
use apiary_bees::finance::stripe_api::Kind;
use apiary_bees::finance::{Applied, Change, Record, SubscriptionQuery, Writer};
use apiary_tests::stripe_api::{StandIn, fixture};
use serde_json::json;
use tokio::task::JoinSet;

use super::{api, apply, customer, reconcile, subscription};
use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, event};
use crate::harness::file::File;
use crate::harness::supabase_lite::SupabaseLite;

fn repairing() -> Request {
    Request { repair: true, ..Request::default() }
}

async fn status(record: &Arc<dyn Record>, id: &str) -> Option<String> {
    let rows = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap();
    rows.into_iter().find(|row| row.id == id).and_then(|row| row.status)
}

/// Imports `count` subscriptions into an empty record, and compares the end state.
async fn imports(record: Arc<dyn Record>, count: u64) {
    let server = StandIn::start().await;
    for n in 0..count {
        let created = T0 + i64::try_from(n).unwrap() / 3;
        server.put(customer(&format!("cus_{n}"), created));
        let status = ["active", "canceled", "trialing", "past_due", "unpaid"][usize::try_from(n % 5).unwrap()];
        server.put(subscription(&format!("sub_{n}"), &format!("cus_{n}"), status, created));
    }
    let api = api(&server);
    let report = reconcile(&api, &record, &repairing()).await;
    assert_eq!((report.kinds[&Kind::Subscriptions].repaired, report.open()), (count, 0));
    let again = reconcile(&api, &record, &repairing()).await;
    assert_eq!((again.kinds[&Kind::Subscriptions].same, again.differences.len()), (count, 0));
    assert_eq!(again.kinds[&Kind::Customers].same, count);
}

#[tokio::test]
async fn an_empty_sqlite_is_filled_whole() {
    let file = File::new().await;
    imports(file.record, 300).await;
}

#[tokio::test]
async fn an_empty_postgres_is_filled_whole() {
    let database = PrivateDatabase::migrated().await;
    imports(database.record(), 1000).await;
    database.drop().await;
}

#[tokio::test]
async fn an_empty_supabase_is_filled_whole() {
    let lite = SupabaseLite::migrated().await;
    imports(lite.record(), 120).await;
    lite.stop().await;
}

/// Imports an object of every kind, and compares them all; once more, for a connected account.
async fn imports_every_kind(record: Arc<dyn Record>) {
    let server = StandIn::start().await;
    for account in ["", "acct_1"] {
        for kind in Kind::ALL {
            let id = format!("{}_1", fixture(kind.object(), &json!({}))["id"].as_str().unwrap());
            server.put_of(account, fixture(kind.object(), &json!({"id": id, "created": T0})));
        }
        let account = Some(account.to_owned()).filter(|account| !account.is_empty());
        let request = Request { account, ..repairing() };
        let report = reconcile(&api(&server), &record, &request).await;
        assert!(report.kinds.values().all(|counts| counts.repaired == 1), "{report:?}");
        let again = reconcile(&api(&server), &record, &Request { repair: false, ..request }).await;
        assert!(again.kinds.values().all(|counts| counts.same == 1), "{again:?}");
    }
}

#[tokio::test]
async fn every_kind_is_imported_into_sqlite() {
    let file = File::new().await;
    imports_every_kind(file.record).await;
}

#[tokio::test]
async fn every_kind_is_imported_into_postgres() {
    let database = PrivateDatabase::migrated().await;
    imports_every_kind(database.record()).await;
    database.drop().await;
}

#[tokio::test]
async fn every_kind_is_imported_through_supabase() {
    let lite = SupabaseLite::migrated().await;
    imports_every_kind(lite.record()).await;
    lite.stop().await;
}

#[tokio::test]
async fn an_event_after_the_read_wins_whenever_it_arrives_and_an_older_one_never_does() {
    let server = StandIn::start().await;
    server.put(subscription("sub_1", "cus_1", "past_due", T0));
    let api = api(&server);
    let read = apiary_identity::Clock::now(&apiary_identity::SystemClock).as_second() - T0;
    for later_is_first in [true, false] {
        let file = File::new().await;
        let record: Arc<dyn Record> = file.record;
        apply(&record, "customer.subscription.updated", &subscription("sub_1", "cus_1", "trialing", T0), 0).await;
        let later = subscription("sub_1", "cus_1", "active", T0);
        if later_is_first {
            apply(&record, "customer.subscription.updated", &later, read + 60).await;
        }
        let report = reconcile(&api, &record, &repairing()).await;
        let counts = report.kinds[&Kind::Subscriptions];
        assert_eq!((counts.repaired, counts.newer), if later_is_first { (0, 1) } else { (1, 0) });
        if !later_is_first {
            assert_eq!(status(&record, "sub_1").await.as_deref(), Some("past_due"));
            // An event that Stripe made before the read, and delivers after it.
            let older = subscription("sub_1", "cus_1", "incomplete", T0);
            apply(&record, "customer.subscription.updated", &older, read - SETTLE_S - 60).await;
            assert_eq!(status(&record, "sub_1").await.as_deref(), Some("past_due"));
            apply(&record, "customer.subscription.updated", &later, read + 60).await;
        }
        assert_eq!(status(&record, "sub_1").await.as_deref(), Some("active"));
    }
}

#[tokio::test]
async fn an_import_and_the_events_of_the_same_subscriptions_end_in_the_newest_state() {
    const COUNT: usize = 200;
    let database = PrivateDatabase::migrated().await;
    let record: Arc<dyn Record> = database.record();
    let server = StandIn::start().await;
    for n in 0..COUNT {
        server.put(subscription(&format!("sub_{n}"), &format!("cus_{n}"), "trialing", T0));
    }
    let later = apiary_identity::Clock::now(&apiary_identity::SystemClock).as_second() + 60;
    let mut events = JoinSet::new();
    for n in 0..COUNT {
        let record = Arc::clone(&record);
        events.spawn(async move {
            let object = subscription(&format!("sub_{n}"), &format!("cus_{n}"), "active", T0);
            let bytes = event(&format!("evt_{n}"), "customer.subscription.updated", later, &object);
            Writer::new(record).apply(Change::from_event(&bytes).unwrap()).await.unwrap();
        });
    }
    let (api, request) = (api(&server), repairing());
    let (report, _) = tokio::join!(reconcile(&api, &record, &request), events.join_all());
    assert_eq!(report.kinds[&Kind::Subscriptions].read, u64::try_from(COUNT).unwrap());
    let rows = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap();
    assert_eq!(rows.len(), COUNT);
    assert!(rows.iter().all(|row| row.status.as_deref() == Some("active")), "an older state has won");
    database.drop().await;
}

#[tokio::test]
async fn an_order_that_was_guessed_is_settled_by_a_repair() {
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record;
    let server = StandIn::start().await;
    for (id, price) in [("evt_1", "price_1"), ("evt_2", "price_2")] {
        let mut object = subscription("sub_1", "cus_1", "active", T0);
        object["items"]["data"][0]["price"]["id"] = json!(price);
        server.put(object.clone());
        let change = Change::from_event(&event(id, "customer.subscription.updated", T0, &object)).unwrap();
        Writer::new(Arc::clone(&record)).apply(change).await.unwrap();
    }
    let only = Request { kinds: vec![Kind::Subscriptions], ..Request::default() };
    let report = reconcile(&api(&server), &record, &only).await;
    assert!(report.differences[0].fields.contains(&"order_uncertain".to_owned()), "{report:?}");
    let report = reconcile(&api(&server), &record, &Request { repair: true, ..only.clone() }).await;
    assert_eq!(report.kinds[&Kind::Subscriptions].repaired, 1);
    assert_eq!(reconcile(&api(&server), &record, &only).await.differences, []);
}

#[tokio::test]
async fn of_two_reads_in_one_second_both_are_recorded_and_what_stripe_says_is_stored() {
    let server = StandIn::start().await;
    let [first, second] = ["past_due", "active"].map(|status| subscription("sub_1", "cus_1", status, T0));
    server.put(second.clone());
    for order in [[&first, &second], [&second, &first]] {
        let file = File::new().await;
        let record: Arc<dyn Record> = file.record.clone();
        let writer = Writer::new(Arc::clone(&record)).with_reads(api(&server));
        let outcomes = [
            writer.apply(Change::from_object("", false, order[0], T0).unwrap()).await.unwrap(),
            writer.apply(Change::from_object("", false, order[1], T0).unwrap()).await.unwrap(),
            writer.apply(Change::from_object("", false, order[1], T0).unwrap()).await.unwrap(),
        ];
        assert_eq!(outcomes, [Applied::Applied, Applied::Applied, Applied::Duplicate]);
        assert_eq!(status(&record, "sub_1").await.as_deref(), Some("active"));
        assert_eq!(record.check().await.unwrap().uncertain, 0);
    }
}

#[tokio::test]
async fn a_read_ends_the_second_of_an_event() {
    let server = StandIn::start().await;
    let now = subscription("sub_1", "cus_1", "past_due", T0);
    server.put(now.clone());
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record.clone();
    apply(&record, "customer.subscription.updated", &subscription("sub_1", "cus_1", "active", T0), 0).await;
    let writer = Writer::new(Arc::clone(&record)).with_reads(api(&server));
    writer.apply(Change::from_object("", false, &now, T0).unwrap()).await.unwrap();
    assert_eq!(status(&record, "sub_1").await.as_deref(), Some("past_due"));
}

#[tokio::test]
async fn a_row_that_the_database_refuses_stays_open_with_its_reason_and_holds_up_no_other() {
    let database = PrivateDatabase::migrated().await;
    database.run("alter table stripe_subscriptions add constraint ours check (status <> 'unpaid')").await;
    let record: Arc<dyn Record> = database.record();
    let server = StandIn::start().await;
    for (n, status) in ["active", "unpaid", "trialing"].into_iter().enumerate() {
        server.put(subscription(&format!("sub_{n}"), "cus_1", status, T0));
    }
    let report = reconcile(&api(&server), &record, &repairing()).await;
    let counts = report.kinds[&Kind::Subscriptions];
    assert_eq!((counts.missing, counts.repaired, report.open()), (3, 2, 1));
    let refused = report.differences.iter().find(|difference| difference.id == "sub_1").unwrap();
    assert!(refused.what.as_ref().unwrap().contains("ours"), "{refused:?}");
    database.drop().await;
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_named_and_holds_up_no_other() {
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record;
    let server = StandIn::start().await;
    let mut broken = subscription("sub_1", "cus_1", "active", T0);
    broken["cancel_at"] = json!(-1);
    server.put(broken);
    server.put(subscription("sub_2", "cus_1", "active", T0));
    let report = reconcile(&api(&server), &record, &repairing()).await;
    let counts = report.kinds[&Kind::Subscriptions];
    assert_eq!((counts.failed, counts.repaired, report.open()), (1, 1, 1));
    let failed = report.differences.iter().find(|difference| difference.id == "sub_1").unwrap();
    assert!(failed.what.as_ref().unwrap().contains("cancel_at"), "{failed:?}");
}
