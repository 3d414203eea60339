//! Many at once.

use std::sync::Arc;

use apiary_bees::finance::Applied;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use tokio::task::JoinSet;

use crate::harness::database::{PrivateDatabase, make_roles};
use crate::harness::event::apply;
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
