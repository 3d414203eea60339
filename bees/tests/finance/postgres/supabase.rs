//! Supabase's own PostgREST-compatible server, on a real Postgres.

use apiary_bees::finance::{Applied, Change, Record as _, RecordError, SubscriptionQuery};

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{One as _, T0, apply, checkout, event, subscription};
use crate::harness::file::File;
use crate::harness::supabase_lite::SupabaseLite;
use crate::hostile::{assert_hostile_metadata_are_stored_safely, hostile_events};

fn active(id: &str, sub: &str) -> Vec<u8> {
    event(id, "customer.subscription.updated", T0, &subscription(sub, "cus_1", "active", T0))
}

#[tokio::test]
async fn the_service_role_applies_events_and_reads_them_back() {
    let server = SupabaseLite::migrated().await;
    let (record, file) = (server.record(), File::new().await);
    record.check().await.unwrap();
    let session = checkout("cs_1", "cus_1", "sub_1", "user-1");
    let events = [
        active("evt_2", "sub_1"),
        active("evt_2", "sub_1"),
        event("evt_1", "checkout.session.completed", T0, &session),
        active("evt_3", "sub_2"),
    ];
    for event in &events {
        assert_eq!(apply(&record, event).await, apply(&file.record, event).await);
    }
    assert_eq!(server.database.state().await, file.state().await);

    let all = SubscriptionQuery::all(false);
    let through_file = file.record.subscriptions(&all).await.unwrap();
    assert_eq!(record.subscriptions(&all).await.unwrap(), through_file);
    let next = SubscriptionQuery { after_id: Some("sub_1".to_owned()), ..all };
    assert_eq!(record.subscriptions(&next).await.unwrap(), through_file[1..]);
    assert_eq!(record.subscriptions(&SubscriptionQuery::all(true)).await.unwrap(), []);
    server.stop().await;
}

#[tokio::test]
async fn hostile_metadata_are_stored_safely() {
    let server = SupabaseLite::migrated().await;
    let record = server.record();
    for event in hostile_events() {
        apply(&record, &event).await;
    }
    assert_hostile_metadata_are_stored_safely(&record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap());
    server.stop().await;
}

#[tokio::test]
async fn the_anon_key_is_refused_and_a_wrong_one_too() {
    let server = SupabaseLite::migrated().await;
    let change = Change::from_event(&active("evt_1", "sub_1")).unwrap();
    let error = server.record_as_anon().one(&change).await.unwrap_err();
    assert!(matches!(error, RecordError::Forbidden { .. }), "{error}");
    assert!(error.to_string().contains("42501") && error.to_string().contains("not the anon key"), "{error}");
    assert!(!error.is_retryable());
    assert!(matches!(server.record_as_anon().check().await.unwrap_err(), RecordError::Forbidden { .. }));

    let error = server.record_with_key("sb_secret_0123456789").one(&change).await.unwrap_err();
    assert!(matches!(error, RecordError::KeyRefused { .. }), "{error}");
    assert!(!error.to_string().contains("sb_secret_0123456789"), "{error}");
    assert_eq!(server.record().subscriptions(&SubscriptionQuery::all(false)).await.unwrap(), []);
    server.stop().await;
}

#[tokio::test]
async fn a_table_that_is_missing_is_told_and_the_event_waits() {
    let server = SupabaseLite::migrated().await;
    server.database.run("drop table public.stripe_subscription_items").await;
    for error in [
        server.record().check().await.unwrap_err(),
        server.record().one(&Change::from_event(&active("evt_2", "sub_2")).unwrap()).await.unwrap_err(),
    ] {
        assert!(matches!(error, RecordError::NotInstalled { .. }), "{error}");
        assert_eq!(error.cause(), "record-tables");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_project_without_the_function_says_which_files_to_apply() {
    let server = SupabaseLite::start(PrivateDatabase::new().await).await;
    let error = server.record().check().await.unwrap_err();
    assert!(matches!(error, RecordError::NotInstalled { .. }), "{error}");
    assert!(error.to_string().contains("apply deploy/supabase/migrations"), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn codes_of_postgres_come_through() {
    let server = SupabaseLite::migrated().await;
    let change = Change::from_event(&active("evt_1", "sub_1")).unwrap();
    for (code, kind) in [
        ("23505", "Conflict"),
        ("23503", "Conflict"),
        ("PT409", "Dropped"),
        ("P0001", "Unavailable"),
        ("42501", "Forbidden"),
        ("22P05", "Refused"),
        ("PT503", "Unavailable"),
        ("53300", "Unavailable"),
        ("40001", "Unavailable"),
    ] {
        server
            .database
            .run(&format!(
                "create or replace function public.apply_stripe_events(changes text) returns jsonb language plpgsql
                 as $$ begin raise exception 'no' using errcode = '{code}'; end $$"
            ))
            .await;
        let error = server.record().one(&change).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{code}: {error:?}");
        assert_eq!(error.is_retryable(), kind == "Unavailable", "{code}: {error:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_serialization_failure_is_tried_again() {
    let server = SupabaseLite::migrated().await;
    // A sequence counts on, though the transaction is undone.
    server
        .database
        .run(
            "create sequence public.attempts;
             create function public.fail_twice() returns trigger language plpgsql security definer as $$
             begin
               if nextval('public.attempts') < 3 then raise exception 'in the way' using errcode = '40001'; end if;
               return new;
             end $$;
             create trigger fail_twice before insert on public.stripe_events
               for each row execute function public.fail_twice()",
        )
        .await;
    assert_eq!(apply(&server.record(), &active("evt_1", "sub_1")).await, Applied::Applied);
    server.stop().await;
}

#[tokio::test]
async fn an_update_that_matches_nothing_is_noticed() {
    let server = SupabaseLite::migrated().await;
    server
        .database
        .run(
            "create function public.drop_it() returns trigger language plpgsql as 'begin return null; end';
             create trigger meddling before insert or update on public.stripe_subscriptions
               for each row execute function public.drop_it()",
        )
        .await;
    let change = Change::from_event(&active("evt_1", "sub_1")).unwrap();
    let error = server.record().one(&change).await.unwrap_err();
    assert!(matches!(&error, RecordError::Dropped { what } if what.contains("PT409")), "{error:?}");
    assert_eq!(server.record().subscriptions(&SubscriptionQuery::all(false)).await.unwrap(), []);
    server.stop().await;
}
