//! The guard: correctly signed work that must not be run. It is refused for good, with the reason and without the
//! arguments, and the handler never sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiary_executor_sdk::guard::{Guard, Refusals};
use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{CancellationToken, Client, Executor, Failure, Work};
use apiary_tests::colony::state_of;
use apiary_tests::{TestColony, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

on_each_store!(
    a_command_that_no_shell_should_run_is_refused_and_the_next_one_runs,
    rules_of_the_executors_own_are_held_against_its_work,
    a_guard_without_rules_lets_everything_through,
    rules_that_the_colony_sets_hold_for_bees_that_run_already,
    rules_of_the_colony_hold_for_the_first_work_of_a_bee,
    rules_that_are_taken_away_or_set_back_in_the_database_stay
);

/// An executor for `shell` and `pay`, with the arguments that reached its handlers.
struct Bee {
    seen: Arc<Mutex<Vec<Value>>>,
    refusals: Refusals,
    stop: CancellationToken,
}

impl Bee {
    fn start(client: Client, guard: Option<Guard>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handler = |seen: Arc<Mutex<Vec<Value>>>| {
            move |work: Work| {
                let seen = seen.clone();
                async move {
                    seen.lock().unwrap().push(work.json::<Value>()?);
                    Ok::<_, Failure>(())
                }
            }
        };
        let mut builder = Executor::builder(client)
            .executor_type("ops")
            .guard_refresh(Duration::from_millis(20))
            .handle("shell", handler(seen.clone()))
            .handle("pay", handler(seen.clone()));
        if let Some(guard) = guard {
            builder = builder.guard(guard);
        }
        let executor = builder.build().unwrap();
        let (refusals, stop) = (executor.guard_refusals(), CancellationToken::new());
        let token = stop.clone();
        tokio::spawn(async move { executor.run(token).await });
        Self { seen, refusals, stop }
    }

    fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }
}

/// Waits until the process is finished; returns its state and reason.
async fn end_of(reader: &Client, id: Uuid) -> (ProcessState, String) {
    eventually("it is finished", async || {
        let state = state_of(reader, id).await;
        let ends = [ProcessState::Succeeded, ProcessState::Failed, ProcessState::DeadLetter];
        ends.contains(&state).then_some(())
    })
    .await;
    let process = reader.get_process(id).await.unwrap().process.unwrap();
    (process.state(), process.reason)
}

async fn a_command_that_no_shell_should_run_is_refused_and_the_next_one_runs(colony: TestColony) {
    let (user, reader, client) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "ops").await);
    let bee = Bee::start(client, None);
    let hostile = json!({ "command": "rm  -r -f '/' # sesame" });
    let refused = user.submit_json("ops", "shell", &hostile).await.unwrap().process_id;
    let (state, reason) = end_of(&reader, refused).await;
    assert_eq!(state, ProcessState::DeadLetter);
    assert!(reason.contains("guard: rule `default:shell`: field `/command` (denied: recursive_delete)"), "{reason}");
    assert!(!reason.contains("sesame"), "{reason}");
    assert_eq!(bee.seen(), Vec::<Value>::new(), "the handler never saw it");
    let answer = reader.get_process(refused).await.unwrap();
    assert_eq!(answer.process.unwrap().attempt, 1, "no other attempt would have other arguments");

    let ordinary = json!({ "command": "format-report --remove-root-cause" });
    let done = user.submit_json("ops", "shell", &ordinary).await.unwrap().process_id;
    assert_eq!(end_of(&reader, done).await.0, ProcessState::Succeeded);
    assert_eq!(bee.seen(), [ordinary]);
    assert_eq!(bee.refusals.by_rule().into_iter().collect::<Vec<_>>(), [("default:shell".to_owned(), 1)]);
    bee.stop.cancel();
}

async fn rules_of_the_executors_own_are_held_against_its_work(colony: TestColony) {
    let (user, reader, client) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "ops").await);
    let rules = json!([{
        "name": "small-sums", "executor_type": "ops", "function": "pay",
        "schema": { "required": ["cents"], "properties": { "cents": { "type": "integer", "maximum": 10_000 } } },
        "allow": [{ "field": "/to", "pattern": "[a-z]+" }],
    }]);
    let guard = Guard::default().with_json(rules.to_string().as_bytes()).unwrap();
    let bee = Bee::start(client, Some(guard));
    for (args, words) in [
        (
            json!({ "to": "ada", "cents": 424_242 }),
            "rule `small-sums`: field `/cents` (does not fit the schema: `maximum`)",
        ),
        (json!({ "to": "ada; drop", "cents": 1 }), "rule `small-sums`: field `/to` (none of what is allowed)"),
        (json!({ "cents": 1 }), "rule `small-sums`: field `/to` (missing"),
    ] {
        let id = user.submit_json("ops", "pay", &args).await.unwrap().process_id;
        let (state, reason) = end_of(&reader, id).await;
        assert_eq!(state, ProcessState::DeadLetter, "{args}");
        assert!(reason.contains(words) && !reason.contains("424242"), "{reason}");
    }
    let fine = json!({ "to": "ada", "cents": 1 });
    let id = user.submit_json("ops", "pay", &fine).await.unwrap().process_id;
    assert_eq!(end_of(&reader, id).await.0, ProcessState::Succeeded);
    assert_eq!(bee.seen(), [fine]);
    assert_eq!(bee.refusals.total(), 3);
    bee.stop.cancel();
}

async fn a_guard_without_rules_lets_everything_through(colony: TestColony) {
    let (user, reader, client) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "ops").await);
    let bee = Bee::start(client, Some(Guard::empty()));
    let args = json!({ "command": "rm -rf /" });
    let id = user.submit_json("ops", "shell", &args).await.unwrap().process_id;
    assert_eq!(end_of(&reader, id).await.0, ProcessState::Succeeded);
    assert_eq!(bee.seen(), [args]);
    bee.stop.cancel();
}

/// Builds rules that forbid a function completely.
fn forbidding(function: &str) -> Value {
    let nothing = json!({ "not": {} });
    json!([{ "name": "stopped", "executor_type": "*", "function": function, "schema": nothing }])
}

async fn rules_that_the_colony_sets_hold_for_bees_that_run_already(colony: TestColony) {
    let (user, reader, client) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "ops").await);
    let bee = Bee::start(client, None);
    let pay = async || {
        let id = user.submit_json("ops", "pay", &json!({ "cents": 1 })).await.unwrap().process_id;
        end_of(&reader, id).await
    };
    assert_eq!(pay().await.0, ProcessState::Succeeded);

    colony.client(&colony.key).set_guard(&colony.guard(1, &forbidding("pay"))).await.unwrap();
    eventually("the bee has heard of the rules", async || (pay().await.0 == ProcessState::DeadLetter).then_some(()))
        .await;
    let (_, reason) = pay().await;
    assert!(reason.contains("guard: rule `stopped`"), "{reason}");

    // The default set stays in effect beside the colony's rules, and newer rules may allow again.
    let shell = json!({ "command": "rm -rf /" });
    let id = user.submit_json("ops", "shell", &shell).await.unwrap().process_id;
    assert!(end_of(&reader, id).await.1.contains("default:shell"));
    colony.client(&colony.key).set_guard(&colony.guard(2, &json!([]))).await.unwrap();
    eventually("the bee has heard again", async || (pay().await.0 == ProcessState::Succeeded).then_some(())).await;
    bee.stop.cancel();
}

async fn rules_of_the_colony_hold_for_the_first_work_of_a_bee(colony: TestColony) {
    let (user, reader, client) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "ops").await);
    colony.client(&colony.key).set_guard(&colony.guard(7, &forbidding("pay"))).await.unwrap();
    let id = user.submit_json("ops", "pay", &json!({ "cents": 1 })).await.unwrap().process_id;
    let bee = Bee::start(client, None);
    assert_eq!(end_of(&reader, id).await.0, ProcessState::DeadLetter);
    assert_eq!(bee.seen(), Vec::<Value>::new(), "the handler never saw it");
    bee.stop.cancel();
}

async fn rules_that_are_taken_away_or_set_back_in_the_database_stay(colony: TestColony) {
    let (user, reader, client) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "ops").await);
    let owner = colony.client(&colony.key);
    owner.set_guard(&colony.guard(1, &json!([]))).await.unwrap();
    colony.backend.execute("CREATE TABLE kept AS SELECT * FROM guards").await;
    owner.set_guard(&colony.guard(2, &forbidding("pay"))).await.unwrap();
    let bee = Bee::start(client, None);
    let back = "DELETE FROM guards; INSERT INTO guards SELECT * FROM kept";
    for crime in ["UPDATE guards SET version = 2", back, "DELETE FROM guards"] {
        colony.backend.execute(crime).await;
        // The bee reads the rules every 20 ms, and each of these calls takes a few milliseconds.
        for _ in 0..20 {
            let id = user.submit_json("ops", "pay", &json!({ "cents": 1 })).await.unwrap().process_id;
            assert_eq!(end_of(&reader, id).await.0, ProcessState::DeadLetter, "{crime}");
        }
    }
    assert_eq!(bee.seen(), Vec::<Value>::new(), "the handler never saw any");
    bee.stop.cancel();
}
