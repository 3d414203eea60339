//! Many events in one call: each has its own answer, and a bad one holds up no other.

use std::sync::Arc;

use apiary_bees::finance::{Answer, Applied, Change, Record, RecordError, Writer};
use sqlx::raw_sql;

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, event, subscription};
use crate::harness::file::File;
use crate::harness::supabase_lite::SupabaseLite;

fn active(id: &str, sub: &str, at: i64) -> Change {
    let object = subscription(sub, "cus_1", "active", T0);
    Change::from_event(&event(id, "customer.subscription.updated", at, &object)).unwrap()
}

/// Applies changes in one call; returns the answers in words.
async fn answers(record: &dyn Record, changes: &[Change]) -> Vec<String> {
    let answers = record.apply(&changes.iter().collect::<Vec<_>>()).await.unwrap();
    let words = answers.into_iter().map(|answer| match answer {
        Answer::Done(applied) => applied.as_str().to_owned(),
        Answer::Tie(tie) => format!("tie with {}", tie.events.len()),
        Answer::Again => "again".to_owned(),
        Answer::Refused(error) => error.cause().to_owned(),
    });
    words.collect()
}

async fn assert_each_has_its_answer(record: &dyn Record) {
    let first = [active("evt_2", "sub_1", T0 + 5), active("evt_1", "sub_1", T0), active("evt_3", "sub_2", T0)];
    assert_eq!(answers(record, &first).await, ["applied", "superseded", "applied"]);
    let plan = Change::from_event(&event("evt_4", "plan.created", T0, &serde_json::json!({"id": "plan_1"}))).unwrap();
    let next = [active("evt_1", "sub_1", T0), plan, active("evt_5", "sub_2", T0), active("evt_6", "sub_3", T0)];
    assert_eq!(answers(record, &next).await, ["duplicate", "ignored", "tie with 1", "applied"]);
    assert!(answers(record, &[]).await.is_empty());
}

const NO_MORE: &str = "alter table public.stripe_subscriptions add constraint no_more check (id <> 'sub_bad')";

async fn assert_a_bad_event_holds_up_no_other(record: &dyn Record) {
    let changes = [active("evt_1", "sub_1", T0), active("evt_2", "sub_bad", T0), active("evt_3", "sub_3", T0)];
    assert_eq!(answers(record, &changes).await, ["applied", "record-refused", "applied"]);
    assert_eq!(answers(record, &changes).await, ["duplicate", "record-refused", "duplicate"]);
}

#[tokio::test]
async fn in_a_file_each_event_has_its_answer_and_a_bad_one_holds_up_no_other() {
    assert_each_has_its_answer(&*File::new().await.record).await;
    let file = File::new().await;
    let bad = "create trigger bad before insert on stripe_subscriptions when new.id = 'sub_bad'
        begin select raise(abort, 'no'); end";
    raw_sql(bad).execute(&mut file.connect().await).await.unwrap();
    let changes = [active("evt_1", "sub_1", T0), active("evt_2", "sub_bad", T0), active("evt_3", "sub_3", T0)];
    assert_eq!(answers(&*file.record, &changes).await, ["applied", "record-conflict", "applied"]);
}

#[tokio::test]
async fn in_postgres_each_event_has_its_answer_and_a_bad_one_holds_up_no_other() {
    let database = PrivateDatabase::migrated().await;
    assert_each_has_its_answer(&*database.record()).await;
    database.run("delete from public.stripe_subscription_items; delete from public.stripe_subscriptions; delete from public.stripe_events").await;
    database.run(NO_MORE).await;
    assert_a_bad_event_holds_up_no_other(&*database.record()).await;
    database.drop().await;
}

#[tokio::test]
async fn through_postgrest_each_event_has_its_answer_and_a_bad_one_holds_up_no_other() {
    let server = SupabaseLite::migrated().await;
    assert_each_has_its_answer(&*server.record()).await;
    server.database.run("delete from public.stripe_subscription_items; delete from public.stripe_subscriptions; delete from public.stripe_events").await;
    server.database.run(NO_MORE).await;
    assert_a_bad_event_holds_up_no_other(&*server.record()).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_gives_each_caller_its_own_answer() {
    let database = PrivateDatabase::migrated().await;
    database.run(NO_MORE).await;
    let writer = Writer::new(database.record());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (writer, bad) = (writer.clone(), n % 50 == 7);
        let change = active(&format!("evt_{n}"), &if bad { "sub_bad".to_owned() } else { format!("sub_{n}") }, T0 + n);
        tasks.spawn(async move { (bad, writer.apply(change).await) });
    }
    for (bad, outcome) in tasks.join_all().await {
        match outcome {
            Ok(applied) => assert!(!bad && applied == Applied::Applied),
            Err(error) => assert!(bad && matches!(error, RecordError::Refused { .. }), "{error}"),
        }
    }
    database.drop().await;
}

#[tokio::test]
async fn a_trigger_that_drops_writes_is_told_for_its_table_and_holds_up_no_other() {
    let database = PrivateDatabase::migrated().await;
    database
        .run(
            "create function drop_it() returns trigger language plpgsql as 'begin return null; end';
             create trigger meddling before insert or update on public.stripe_refunds
               for each row execute function drop_it();
             create trigger meddling before insert or update on public.stripe_subscription_items
               for each row when (new.subscription_id = 'sub_2') execute function drop_it()",
        )
        .await;
    let refund =
        serde_json::json!({"id": "re_1", "object": "refund", "status": "pending", "amount": 1, "currency": "eur"});
    let refund = Change::from_event(&event("evt_2", "refund.created", T0, &refund)).unwrap();
    let changes = [active("evt_1", "sub_1", T0), refund, active("evt_3", "sub_2", T0)];
    assert_eq!(answers(&*database.record(), &changes).await, ["applied", "record-dropped", "record-dropped"]);
    let file = File::new().await;
    let meddling = "create trigger meddling before insert on stripe_subscription_items begin select raise(ignore); end";
    raw_sql(meddling).execute(&mut file.connect().await).await.unwrap();
    let error = file.record.apply(&[&changes[0]]).await.map(|answers| format!("{answers:?}"));
    assert!(error.as_ref().is_err_and(|error| error.to_string().contains("stripe_subscription_items")), "{error:?}");
    database.drop().await;
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_character_is_refused_by_its_encoding() {
    let database = PrivateDatabase::encoded("LATIN1").await;
    for error in [database.record().migrate().await.unwrap_err(), database.record().check().await.unwrap_err()] {
        assert!(error.to_string().contains("the database's encoding is LATIN1"), "{error}");
        assert!(!error.is_retryable());
    }
    database.drop().await;
    let database = PrivateDatabase::encoded("SQL_ASCII").await;
    database.record().migrate().await.unwrap();
    assert_eq!(database.record().check().await.unwrap().encoding, "SQL_ASCII");
    let record: Arc<dyn Record> = database.record();
    let mut object = subscription("sub_1", "cus_1", "active", T0);
    object["metadata"] = serde_json::json!({"city": "Łódź 🐝"});
    let change = Change::from_event(&event("evt_1", "customer.subscription.updated", T0, &object)).unwrap();
    assert_eq!(Writer::new(record).apply(change).await.unwrap(), Applied::Applied);
    database.drop().await;
}
