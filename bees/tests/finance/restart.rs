//! A state of record in a file, over restarts and under a hand that meddles.

use apiary_bees::finance::{Applied, Change, Record as _, RecordError, SqliteRecord, SubscriptionQuery};
use apiary_executor_sdk::Fault;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, raw_sql};

use crate::harness::event::{One as _, T0, apply, event, subscription};
use crate::harness::file::File;

fn active(id: &str, sub: &str) -> Vec<u8> {
    event(id, "customer.subscription.updated", T0, &subscription(sub, "cus_1", "active", T0))
}

#[tokio::test]
async fn what_was_applied_is_there_after_a_restart() {
    let file = File::new().await;
    apply(&file.record, &active("evt_1", "sub_1")).await;
    let before = file.state().await;
    let file = file.reopen().await;
    assert_eq!(file.state().await, before);
    assert_eq!(apply(&file.record, &active("evt_1", "sub_1")).await, Applied::Duplicate);
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_noticed_and_the_whole_event_is_undone() {
    let file = File::new().await;
    let meddling = "create trigger meddling before update on stripe_subscriptions begin select raise(ignore); end";
    raw_sql(meddling).execute(&mut file.connect().await).await.unwrap();
    let change = Change::from_event(&active("evt_1", "sub_1")).unwrap();
    let error = file.record.one(&change).await.unwrap_err();
    assert!(matches!(error, RecordError::Dropped { .. }), "{error}");
    assert!(!error.is_retryable());

    raw_sql("drop trigger meddling").execute(&mut file.connect().await).await.unwrap();
    assert_eq!(file.record.one(&change).await.unwrap(), Applied::Applied, "nothing of it had stayed behind");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_with_advice() {
    let file = File::new().await;
    raw_sql("pragma user_version = 99").execute(&mut file.connect().await).await.unwrap();
    file.record.close().await;
    let error = SqliteRecord::open(&file.path()).await.err().unwrap().to_string();
    assert!(error.contains("version 99") && error.contains("run a newer apiary"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("finance.db");
    std::fs::write(&path, "this is no database, but a text that is long enough to look like a page of one").unwrap();
    let error = SqliteRecord::open(&path).await.err().unwrap().to_string();
    assert!(error.contains("finance.db"), "{error}");
    let error = SqliteRecord::open(&folder.path().join("missing/finance.db")).await.err().unwrap().to_string();
    assert!(error.contains("missing/finance.db"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_at_once_apply_every_event_once() {
    let file = File::new().await;
    let record = std::sync::Arc::clone(&file.record);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let record = std::sync::Arc::clone(&record);
        tasks.spawn(async move {
            let mut applied = 0;
            for n in 0..10 {
                let n = (n + worker) % 10;
                let outcome = apply(&record, &active(&format!("evt_{n}"), &format!("sub_{n}"))).await;
                applied += usize::from(outcome != Applied::Duplicate);
            }
            applied
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 10);
    assert_eq!(record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().len(), 10);
}

#[tokio::test]
async fn nobody_else_on_the_machine_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let file = File::new().await;
    apply(&file.record, &active("evt_1", "sub_1")).await;
    let folder = file.path().parent().unwrap().to_owned();
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    assert!(files.len() > 1, "the write-ahead log is one of them");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    raw_sql("create table theirs (a); pragma user_version = 1").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteRecord::open(&path).await.err().unwrap();
    assert!(error.to_string().contains("another program's database"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_file_is_called_so_and_no_event_is_given_up_for_it() {
    let file = File::new().await;
    let mut other = file.connect().await;
    raw_sql("drop table stripe_subscription_items; drop table stripe_subscriptions").execute(&mut other).await.unwrap();
    // Dropped, it would close some time, and put the file's pages back then.
    other.close().await.unwrap();
    let change = Change::from_event(&active("evt_1", "sub_1")).unwrap();
    let error = file.record.one(&change).await.unwrap_err();
    assert!(matches!(error, RecordError::Damaged { .. }), "{error}");
    assert_ne!(error.fault(), Fault::Document);

    file.record.close().await;
    std::fs::write(file.path(), [7; 4096]).unwrap();
    let error = SqliteRecord::open(&file.path()).await.err().unwrap();
    assert!(error.to_string().contains("is damaged") && error.to_string().contains("backup"), "{error}");
}
