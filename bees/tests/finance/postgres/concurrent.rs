//! Many at once.

use std::sync::Arc;

use apiary_bees::finance::{Answer, Applied, Change, PostgresRecord, Record as _};
use apiary_bees::outbound::Retries;
use apiary_tests::eventually;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::task::JoinSet;

use crate::harness::database::{PrivateDatabase, QUICK, make_roles};
use crate::harness::event::{One as _, T0, apply, event, subscription};
use crate::harness::file::File;
use crate::history::history;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_at_once_end_in_the_same_state_as_one_alone() {
    let database = PrivateDatabase::migrated().await;
    let file = File::new().await;
    let events = history(150).prop_filter("long", |events| events.len() > 100);
    let events = Arc::new(events.new_tree(&mut TestRunner::deterministic()).unwrap().current());
    for event in events.iter() {
        apply(&file.record, event).await;
    }

    let mut tasks = JoinSet::new();
    for worker in 0..8 {
        let (events, record) = (Arc::clone(&events), database.record());
        // Each applies everything, in an order of its own: by steps that are prime to the length.
        let step = [1, 7, 11, 13, 17, 19, 23, 29][worker];
        tasks.spawn(async move {
            let mut taken = 0;
            for n in 0..events.len() {
                let outcome = apply(&record, &events[(n * step + worker) % events.len()]).await;
                taken += usize::from(outcome != Applied::Duplicate);
            }
            taken
        });
    }
    let taken: usize = tasks.join_all().await.into_iter().sum();
    assert!(events.len() > 100 && events.len() % 7 != 0, "choose a length that the steps do not divide");
    assert_eq!(taken, events.len(), "every event is taken by exactly one");
    assert_eq!(database.state().await, file.state().await);
    database.drop().await;
}

/// Two writers bring one event: the second has looked for it before the first one's commit, and waits for the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_another_writer_records_meanwhile_is_a_duplicate_and_leaves_no_mark() {
    let database = PrivateDatabase::migrated().await;
    let (record, mut first) = (database.record(), database.connect().await);
    for (number, table, lone, older) in lone_events_and_older_ones() {
        let document = serde_json::to_string(&[&lone]).unwrap();
        let mut transaction = first.begin().await.unwrap();
        sqlx::query("select public.apply_stripe_events($1)").bind(document).execute(&mut *transaction).await.unwrap();
        let second = tokio::spawn({
            let record = Arc::clone(&record);
            async move { record.apply(&[&lone]).await.unwrap().remove(0) }
        });
        let waits =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
            and application_name = 'apiary-finance'";
        eventually("the second writer waits for the first", async || count(&database, waits).await == 1).await;
        transaction.commit().await.unwrap();
        let answer = second.await.unwrap();
        assert!(matches!(answer, Answer::Done(Applied::Duplicate)), "{number}: {answer:?}");
        let marked = format!("select count(*) from public.{table} where order_open or order_uncertain");
        assert_eq!(count(&database, &marked).await, 0, "{table}");
        assert_eq!(record.one(&older).await.unwrap(), Applied::Superseded);
        assert_eq!(count(&database, &marked).await, 0, "{table}");
    }
    database.drop().await;
}

/// Events of a second of their own, with the table of their object and an event of the second before.
fn lone_events_and_older_ones() -> [(usize, &'static str, Change, Change); 3] {
    let of = |number: usize, table, event_type: &str, object: fn(&str) -> Value| {
        let change = |id: &str, at, status| {
            Change::from_event(&event(&format!("evt_{id}_{number}"), event_type, at, &object(status))).unwrap()
        };
        (number, table, change("lone", T0 + 1, "active"), change("older", T0, "past_due"))
    };
    [
        of(1, "stripe_subscriptions", "customer.subscription.updated", |status| {
            subscription("sub_1", "cus_1", status, T0)
        }),
        of(
            2,
            "stripe_customers",
            "customer.updated",
            |name| json!({"id": "cus_2", "object": "customer", "name": name}),
        ),
        of(
            3,
            "stripe_payments",
            "payment_intent.processing",
            |status| json!({"id": "pi_1", "object": "payment_intent", "status": status, "amount": 500, "currency": "eur"}),
        ),
    ]
}

async fn count(database: &PrivateDatabase, select: &str) -> i64 {
    let select = sqlx::query_scalar(sqlx::AssertSqlSafe(select.to_owned()));
    select.fetch_one(&mut database.connect().await).await.unwrap()
}

/// Many test programs begin at the same moment on a new cluster: the roles, which belong to all of it, are made once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn roles_of_the_cluster_are_made_once_whoever_comes_first() {
    let number = uuid::Uuid::new_v4().simple().to_string();
    let names = ["anon", "authenticated", "service"].map(|role| format!("{role}_{number}"));
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let names = names.clone();
        tasks.spawn(async move {
            let mut admin = PrivateDatabase::admin().await;
            make_roles(&mut admin, names.each_ref().map(String::as_str)).await;
        });
    }
    tasks.join_all().await;
    let mut admin = PrivateDatabase::admin().await;
    for name in &names {
        sqlx::query(sqlx::AssertSqlSafe(format!("drop role {name}"))).execute(&mut admin).await.unwrap();
    }
}

/// Two batches with a bad event each, so that both are tried event by event, with the same objects in opposite orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_that_are_tried_event_by_event_do_not_lock_each_other_out() {
    let database = PrivateDatabase::migrated().await;
    database.run("alter table public.stripe_subscriptions add constraint no_more check (id <> 'sub_bad')").await;
    // Slow enough that the two meet.
    database
        .run(
            "create function slowly() returns trigger language plpgsql as
               'begin perform count(*) from generate_series(1, 20000); return new; end';
             create trigger slow before insert or update on public.stripe_subscriptions
               for each row execute function slowly()",
        )
        .await;
    let once = Retries { retries_max: 0, ..QUICK };
    for round in 0..5 {
        let mut tasks = JoinSet::new();
        for worker in 0..2 {
            let url = SecretString::from(database.url());
            let record = PostgresRecord::with_retries(&url, once).unwrap();
            tasks.spawn(async move {
                let change = |n: i64| {
                    let sub = if n == 20 { "sub_bad".to_owned() } else { format!("sub_{n}") };
                    let object = subscription(&sub, &format!("cus_{n}"), "active", T0);
                    let id = format!("evt_{round}_{worker}_{n}");
                    let bytes = event(&id, "customer.subscription.updated", T0 + round * 2 + worker, &object);
                    Change::from_event(&bytes).unwrap()
                };
                let mut changes: Vec<Change> = (0..=20).map(change).collect();
                if worker == 1 {
                    changes.reverse();
                }
                let answers = record.apply(&changes.iter().collect::<Vec<_>>()).await.unwrap();
                record.close().await;
                answers.iter().filter(|answer| matches!(answer, Answer::Refused(_))).count()
            });
        }
        assert_eq!(tasks.join_all().await, [1, 1]);
    }
    database.drop().await;
}
