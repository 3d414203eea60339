//! The first import of a large account, a rig of `cargo xtask check-long`.

use std::sync::Arc;
use std::time::Instant;

use apiary_bees::finance::reconcile::Request;
use apiary_bees::finance::stripe_api::Kind;
use apiary_bees::finance::{Change, Record, SubscriptionQuery, Writer};
use apiary_tests::stripe_api::StandIn;

use super::{api, reconcile, subscription};
use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, event};

/// Subscriptions at Stripe.
const SUBSCRIPTIONS: usize = 100_000;
/// Events that arrive during the import.
const EVENTS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a rig of check-long"]
async fn long_an_import_of_a_hundred_thousand_subscriptions_while_events_arrive() {
    let database = PrivateDatabase::migrated().await;
    let record: Arc<dyn Record> = database.record();
    let server = StandIn::start().await;
    for n in 0..SUBSCRIPTIONS {
        let created = T0 + i64::try_from(n).unwrap() / 10;
        server.put(subscription(&format!("sub_{n}"), &format!("cus_{n}"), "trialing", created));
    }
    let later = apiary_identity::Clock::now(&apiary_identity::SystemClock).as_second() + 3600;
    let writer = Writer::new(Arc::clone(&record));
    let events = async move {
        for n in (0..SUBSCRIPTIONS).step_by(SUBSCRIPTIONS / EVENTS) {
            let object = subscription(&format!("sub_{n}"), &format!("cus_{n}"), "active", T0);
            let bytes = event(&format!("evt_{n}"), "customer.subscription.updated", later, &object);
            writer.apply(Change::from_event(&bytes).unwrap()).await.unwrap();
        }
    };
    let start = Instant::now();
    let request = Request { repair: true, kinds: vec![Kind::Subscriptions], seconds: 10, ..Request::default() };
    let (api, records) = (api(&server), Arc::clone(&record));
    let import = async move { reconcile(&api, &records, &request).await };
    let (report, ()) = tokio::join!(import, events);
    println!("{SUBSCRIPTIONS} subscriptions in {:?}", start.elapsed());
    assert_eq!(report.kinds[&Kind::Subscriptions].read, u64::try_from(SUBSCRIPTIONS).unwrap());
    let (mut active, mut rows, mut query) = (0, 0, SubscriptionQuery::all(false));
    loop {
        let page = record.subscriptions(&query).await.unwrap();
        let Some(last) = page.last() else { break };
        query.after_id = Some(last.id.clone());
        rows += page.len();
        active += page.iter().filter(|row| row.status.as_deref() == Some("active")).count();
    }
    assert_eq!((rows, active), (SUBSCRIPTIONS, EVENTS));
    database.drop().await;
}
