//! Tests how errors of a real Postgres are converted.

use apiary_bees::finance::{Applied, Change, PostgresRecord, Record as _, RecordError};
use apiary_bees::outbound::Retries;
use secrecy::SecretString;

use crate::harness::database::{PrivateDatabase, QUICK};
use crate::harness::event::{One as _, T0, event, subscription};

fn change() -> Change {
    let object = subscription("sub_1", "cus_1", "active", T0);
    Change::from_event(&event("evt_1", "customer.subscription.updated", T0, &object)).unwrap()
}

#[tokio::test]
async fn a_database_without_the_function_says_which_files_to_apply() {
    let database = PrivateDatabase::new().await;
    for error in [database.record().check().await.unwrap_err(), database.record().one(&change()).await.unwrap_err()] {
        assert!(matches!(error, RecordError::NotInstalled { .. }), "{error}");
        assert!(error.to_string().contains("apply deploy/supabase/migrations"), "{error}");
    }
    database.record().migrate().await.unwrap();
    database.record().check().await.unwrap();
    database.drop().await;
}

#[tokio::test]
async fn a_serialization_failure_is_tried_again() {
    let database = PrivateDatabase::migrated().await;
    // A sequence counts on, though the transaction is undone.
    database
        .run(
            "create sequence attempts;
             create function fail_twice() returns trigger language plpgsql as $$
             begin
               if nextval('attempts') < 3 then raise exception 'in the way' using errcode = '40001'; end if;
               return new;
             end $$;
             create trigger fail_twice before insert on public.stripe_events
               for each row execute function public.fail_twice()",
        )
        .await;
    database
        .run("grant usage on sequence attempts to public; alter function fail_twice() set search_path = public")
        .await;
    assert_eq!(database.record().one(&change()).await.unwrap(), Applied::Applied);
    database.drop().await;
}

#[tokio::test]
async fn codes_that_no_retry_helps_are_handed_on_at_once_and_say_what_to_do() {
    let database = PrivateDatabase::migrated().await;
    for (code, advice) in [
        ("23505", "look at the row"),
        ("23503", "look at the row"),
        ("42501", "use the service-role key"),
        ("PT409", "look for a trigger"),
        ("22P05", "look at the event at Stripe"),
    ] {
        database
            .run(&format!(
                "create or replace function public.apply_stripe_events(changes text) returns jsonb language plpgsql
                 as $$ begin raise exception 'no' using errcode = '{code}'; end $$"
            ))
            .await;
        let error = database.record().one(&change()).await.unwrap_err();
        assert!(!error.is_retryable() && error.to_string().contains(advice), "{code}: {error}");
    }
    database.drop().await;
}

#[tokio::test]
async fn a_database_that_is_away_or_unknown_says_so_without_the_password() {
    let away = "postgres://somebody:hunter2@127.0.0.1:1/nowhere";
    let once = Retries { retries_max: 0, ..QUICK };
    let record = PostgresRecord::with_retries(&SecretString::from(away), once).unwrap();
    let error = record.check().await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");

    let database = PrivateDatabase::new().await;
    let unknown = database.url().replace("/finance_", "/no_such_");
    let record = PostgresRecord::with_retries(&SecretString::from(unknown), QUICK).unwrap();
    assert!(matches!(record.check().await.unwrap_err(), RecordError::KeyRefused { .. }));
    database.drop().await;

    for url in ["", "mysql://x", "postgres://u:hunter2@h:port/x", "postgres://h/x?sslmode=perhaps"] {
        let error = PostgresRecord::new(&SecretString::from(url)).err().unwrap();
        assert!(error.to_string().contains("DATABASE_URL"), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
