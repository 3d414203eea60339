//! Comparisons that change nothing.

use std::sync::Arc;
use std::time::Duration;

use apiary_bees::finance::reconcile::{Counts, Difference, Finding, Report, Request, check, run, run_whole};
use apiary_bees::finance::stripe_api::Kind;
use apiary_bees::finance::{Record, SubscriptionQuery};
use apiary_tests::stripe_api::{StandIn, Trouble, fixture};
use serde_json::json;

use super::{api, apply, customer, reconcile, subscription};
use crate::harness::database::PrivateDatabase;
use crate::harness::event::T0;
use crate::harness::file::File;
use crate::harness::supabase_lite::SupabaseLite;

/// A record and a stand-in that differ in one customer, one missing subscription and one status.
async fn shop(record: &Arc<dyn Record>) -> StandIn {
    let server = StandIn::start().await;
    for n in 0..3 {
        let (customer, cus) = (customer(&format!("cus_{n}"), T0 + n), format!("cus_{n}"));
        let subscription = subscription(&format!("sub_{n}"), &cus, "active", T0 + n);
        apply(record, "customer.created", &customer, 0).await;
        if n != 2 {
            apply(record, "customer.subscription.created", &subscription, 0).await;
        }
        server.put(customer);
        server.put(subscription);
    }
    let mut renamed = customer("cus_1", T0);
    renamed["name"] = "Ada".into();
    server.put(renamed);
    server.put(subscription("sub_0", "cus_0", "past_due", T0));
    server
}

fn difference(kind: Kind, id: &str, finding: Finding, fields: &[&str]) -> Difference {
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    Difference { kind, id: id.to_owned(), finding, fields, what: None }
}

async fn finds_what_differs(record: Arc<dyn Record>) {
    let server = shop(&record).await;
    let report = reconcile(&api(&server), &record, &Request { page_size: 2, ..Request::default() }).await;
    assert_eq!(
        report.differences,
        [
            difference(Kind::Customers, "cus_1", Finding::Different, &["name"]),
            difference(Kind::Subscriptions, "sub_2", Finding::Missing, &[]),
            difference(Kind::Subscriptions, "sub_0", Finding::Different, &["status"]),
        ]
    );
    assert_eq!(report.kinds[&Kind::Customers], Counts { read: 3, same: 2, different: 1, ..Counts::default() });
    let counts = Counts { read: 3, same: 1, missing: 1, different: 1, ..Counts::default() };
    assert_eq!(report.kinds[&Kind::Subscriptions], counts);
    assert_eq!((report.open(), report.livemode), (3, false));
    let rows = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap();
    assert_eq!(rows.len(), 2, "a comparison writes nothing");
}

#[tokio::test]
async fn what_differs_is_found_in_sqlite() {
    let file = File::new().await;
    finds_what_differs(file.record).await;
}

#[tokio::test]
async fn what_differs_is_found_in_postgres() {
    let database = PrivateDatabase::migrated().await;
    finds_what_differs(database.record()).await;
    database.drop().await;
}

#[tokio::test]
async fn single_objects_are_compared_by_their_ids() {
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record;
    let server = shop(&record).await;
    server.delete("cus_2");
    apply(&record, "customer.created", &customer("cus_9", T0), 0).await;
    let ids = ["cus_0", "sub_0", "cus_2", "cus_9"].map(str::to_owned);
    let report = check(&api(&server), Arc::clone(&record), &Request::default(), &ids).await.unwrap();
    assert_eq!(
        report.differences,
        [
            difference(Kind::Subscriptions, "sub_0", Finding::Different, &["status"]),
            difference(Kind::Customers, "cus_2", Finding::Different, &["deleted"]),
            difference(Kind::Customers, "cus_9", Finding::Unknown, &[]),
        ]
    );
    let ids = ["ch_1".to_owned()];
    let error = check(&api(&server), record, &Request::default(), &ids).await.unwrap_err();
    assert!(error.to_string().contains("`ch_1` is no id"), "{error}");
}

#[tokio::test]
async fn a_run_out_of_time_returns_a_cursor_from_which_the_next_goes_on() {
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record;
    let server = shop(&record).await;
    let api = api(&server);
    let mut request = Request { page_size: 1, ..Request::default() };
    let mut runs = 0;
    let mut found = Vec::new();
    loop {
        let report = run(&api, Arc::clone(&record), &request, Duration::ZERO, || false).await.unwrap();
        runs += 1;
        found.extend(report.differences.into_iter().map(|difference| difference.id));
        let Some(cursor) = report.cursor else { break };
        // As it comes back from a signed result.
        request.cursor = serde_json::from_value(serde_json::to_value(cursor).unwrap()).unwrap();
    }
    assert!(runs >= 6, "{runs}");
    assert_eq!(found, ["cus_1", "sub_2", "sub_0"]);
}

#[tokio::test]
async fn a_cursor_outlives_its_object() {
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record;
    let server = shop(&record).await;
    let api = api(&server);
    let mut request = Request { page_size: 2, kinds: vec![Kind::Customers], ..Request::default() };
    let first = run(&api, Arc::clone(&record), &request, Duration::ZERO, || false).await.unwrap();
    assert_eq!(first.cursor.as_ref().unwrap().after.as_deref(), Some("cus_1"));
    server.delete("cus_1");
    request.cursor = first.cursor;
    let second = run(&api, record, &request, Duration::MAX, || false).await.unwrap();
    assert_eq!((second.finished, second.kinds[&Kind::Customers].read), (true, 1));
}

#[tokio::test]
async fn trouble_after_the_first_page_ends_the_run_with_what_it_has() {
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record;
    let server = shop(&record).await;
    let api = api(&server);
    let trouble = || server.trouble(vec![Trouble::Fault(500); 4]);
    let mut request = Request { page_size: 2, ..Request::default() };
    trouble();
    let error = run(&api, Arc::clone(&record), &request, Duration::MAX, || false).await.unwrap_err();
    assert!(error.to_string().contains("Stripe is unavailable"), "{error}");
    let between_pages = || {
        trouble();
        false
    };
    let report = run(&api, Arc::clone(&record), &request, Duration::MAX, between_pages).await.unwrap();
    assert_eq!((report.finished, report.kinds[&Kind::Customers].read), (false, 2));
    assert!(report.stopped.as_ref().unwrap().contains("Stripe is unavailable"), "{report:?}");
    request.cursor = report.cursor;
    assert_eq!(reconcile(&api, &record, &request).await.kinds[&Kind::Customers].read, 1);
}

#[tokio::test]
async fn a_kind_that_the_key_may_not_read_is_left_out_with_the_permission_to_give() {
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record;
    let server = shop(&record).await;
    server.deny("customers");
    let report = reconcile(&api(&server), &record, &Request::default()).await;
    assert_eq!((report.skipped[0].kind, report.kinds[&Kind::Subscriptions].read), (Kind::Customers, 3));
    assert!(report.skipped[0].why.contains("Customers: Read"), "{report:?}");
}

#[tokio::test]
async fn a_connected_account_is_compared_apart() {
    let file = File::new().await;
    let record: Arc<dyn Record> = file.record;
    let server = shop(&record).await;
    server.put_of("acct_1", customer("cus_c", T0));
    let request = Request { account: Some("acct_1".to_owned()), kinds: vec![Kind::Customers], ..Request::default() };
    let report = reconcile(&api(&server), &record, &request).await;
    assert_eq!(report.differences, [difference(Kind::Customers, "cus_c", Finding::Missing, &[])]);
}

async fn whole(server: &StandIn, record: &Arc<dyn Record>, request: &Request) -> Report {
    run_whole(&api(server), Arc::clone(record), request, |_| {}).await.unwrap()
}

/// A record with rows that Stripe lacks, some of them rightly.
async fn finds_what_stripe_lacks(record: Arc<dyn Record>) {
    let server = shop(&record).await;
    let invoice = |id: &str| fixture("invoice", &json!({"id": id, "customer": "cus_0", "created": T0}));
    for (event_type, object) in [
        ("customer.created", customer("cus_gone", T0)),
        ("customer.subscription.created", subscription("sub_gone", "cus_0", "active", T0)),
        // Deleted at Stripe, as their events say.
        ("customer.deleted", customer("cus_deleted", T0)),
        ("invoice.deleted", invoice("in_deleted")),
        // Deleted at Stripe without an event.
        ("customer.created", customer("cus_unheard", T0)),
        // In no list, and there all the same, as customers of a test clock are.
        ("customer.created", customer("cus_clock", T0)),
    ] {
        apply(&record, event_type, &object, 0).await;
    }
    server.put(customer("cus_unheard", T0));
    server.delete("cus_unheard");
    server.put(customer("cus_clock", T0));
    server.unlist("cus_clock");
    let report = whole(&server, &record, &Request { page_size: 2, ..Request::default() }).await;
    let unknown: Vec<&Difference> =
        report.differences.iter().filter(|difference| difference.finding == Finding::Unknown).collect();
    assert_eq!(
        unknown,
        [
            &difference(Kind::Customers, "cus_gone", Finding::Unknown, &[]),
            &difference(Kind::Subscriptions, "sub_gone", Finding::Unknown, &[]),
        ]
    );
    let unheard = difference(Kind::Customers, "cus_unheard", Finding::Different, &["deleted"]);
    assert!(report.differences.contains(&unheard), "{report:#?}");
    let unknown = |kind: Kind| report.kinds[&kind].unknown;
    assert_eq!([Kind::Customers, Kind::Subscriptions, Kind::Invoices].map(unknown), [1, 1, 0], "{report:#?}");
    assert_eq!((report.open(), report.finished), (3 + 3, true), "{report:#?}");
    // Rows do not tell when their objects were created.
    let request = Request { since: Some(jiff::Timestamp::from_second(T0).unwrap()), ..Request::default() };
    let report = whole(&server, &record, &request).await;
    assert!(report.kinds.values().all(|counts| counts.unknown == 0), "{report:#?}");
}

#[tokio::test]
async fn rows_that_stripe_lacks_are_found_in_sqlite() {
    let file = File::new().await;
    finds_what_stripe_lacks(file.record).await;
}

#[tokio::test]
async fn rows_that_stripe_lacks_are_found_in_postgres() {
    let database = PrivateDatabase::migrated().await;
    finds_what_stripe_lacks(database.record()).await;
    database.drop().await;
}

#[tokio::test]
async fn rows_that_stripe_lacks_are_found_through_supabase() {
    let lite = SupabaseLite::migrated().await;
    finds_what_stripe_lacks(lite.record()).await;
    lite.stop().await;
}

#[tokio::test]
async fn against_the_key_of_an_empty_account_a_bounded_number_of_rows_is_looked_up() {
    let file = File::new().await;
    let mut connection = file.connect().await;
    sqlx::query(
        "with recursive n (n) as (values (1) union all select n + 1 from n where n < 2500)
         insert into stripe_customers (account, livemode, id) select '', 0, 'cus_' || n from n",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let record: Arc<dyn Record> = file.record.clone();
    let server = StandIn::start().await;
    let request = Request { kinds: vec![Kind::Customers], show: 5, ..Request::default() };
    let report = whole(&server, &record, &request).await;
    assert_eq!((report.kinds[&Kind::Customers].unknown, report.differences.len()), (1000, 5));
    let [skipped] = &report.rows_skipped[..] else { panic!("{report:#?}") };
    assert!(
        skipped.why.contains("more than 1000 rows") && skipped.why.contains("is the key one of the account"),
        "{skipped:?}"
    );
}
