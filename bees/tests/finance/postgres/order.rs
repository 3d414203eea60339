//! The function and the SQLite statements do the same.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{TestCaseError, TestRunner};

use crate::harness::database::PrivateDatabase;
use crate::harness::event::apply;
use crate::harness::file::File;
use crate::history::history_and_redelivery;
use crate::hostile::{assert_hostile_metadata_are_stored_safely, hostile_events};
use apiary_bees::finance::{Record as _, SubscriptionQuery};

#[test]
fn both_databases_end_in_the_same_state_whatever_the_order() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(PrivateDatabase::migrated());
    let record = runtime.block_on(async { database.record() });
    proptest!(ProptestConfig::with_cases(32), |((events, redelivery) in history_and_redelivery(16))| {
        runtime.block_on(async {
            database.run("truncate public.stripe_customers, public.stripe_subscriptions, public.stripe_events, public.stripe_invoices,
                 public.stripe_checkouts, public.stripe_subscription_items, public.stripe_payments, public.stripe_charges,
                 public.stripe_refunds, public.stripe_disputes, public.stripe_schedules").await;
            let file = File::new().await;
            for event in &events {
                apply(&file.record, event).await;
            }
            for event in &redelivery {
                apply(&record, event).await;
            }
            prop_assert_eq!(file.state().await, database.state().await);
            Ok::<_, TestCaseError>(())
        })?;
    });
    runtime.block_on(database.drop());
}

#[tokio::test]
async fn both_databases_give_the_same_outcomes() {
    let database = PrivateDatabase::migrated().await;
    let (file, record) = (File::new().await, database.record());
    let mut runner = TestRunner::deterministic();
    for _ in 0..10 {
        let (_, events) = history_and_redelivery(20).new_tree(&mut runner).unwrap().current();
        for event in events {
            assert_eq!(apply(&file.record, &event).await, apply(&record, &event).await);
        }
    }
    database.drop().await;
}

#[tokio::test]
async fn hostile_metadata_are_stored_safely() {
    let database = PrivateDatabase::migrated().await;
    let record = database.record();
    for event in hostile_events() {
        apply(&record, &event).await;
    }
    assert_hostile_metadata_are_stored_safely(&record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap());
    database.drop().await;
}
