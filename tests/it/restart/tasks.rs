//! Background tasks of the broker that panic: each is restarted with its state, and reported.

use std::time::Duration;

use apiary_daemon::Supervisor;
use apiary_executor_sdk::{AttributeKind, CancellationToken, Client, Executor, LogLevel, Work, v1};
use apiary_identity::{Clock as _, SystemClock};
use apiary_tests::colony::claim;
use apiary_tests::{TestColony, eventually, http};
use jiff::SignedDuration;
use uuid::Uuid;

on_each_store!(
    each_task_may_panic_and_work_goes_on,
    a_poll_that_waits_outlives_the_dispatcher,
    a_task_that_is_down_is_shown_until_it_runs_again
);

/// A sequence of calls that needs every loop of the broker.
struct Round<'c> {
    colony: &'c TestColony,
    user: Client,
    ops: Client,
    manual: Client,
}

impl Round<'_> {
    async fn run(&self) {
        let parent = self.user.submit_json("t", "f", &()).await.unwrap().process_id;
        let mut child = self.user.spec("t", "f");
        child.parents.insert(parent);
        let mut later = self.user.spec("t", "f");
        later.not_before = Some(SystemClock.now() + SignedDuration::from_millis(50));
        for spec in [&child, &later] {
            self.user.submit(spec).await.unwrap();
        }
        self.user.submit_json("manual", "f", &()).await.unwrap();
        let lease = self.colony.claim_one(&self.manual, "manual").await;
        let process_id: Uuid = lease.process_id.parse().unwrap();
        self.manual.renew(process_id, lease.attempt, Duration::from_secs(30)).await.unwrap();
        self.manual
            .fail(&self.colony.failure("manual", &lease, apiary_identity::OutcomeKind::FailedFinal, "no"))
            .await
            .unwrap();
        for process_id in [parent, child.process_id, later.process_id] {
            let finished = tokio::time::timeout(Duration::from_secs(30), self.ops.wait_until_finished(process_id));
            let finished = finished.await.unwrap().unwrap();
            assert_eq!(finished.state(), v1::ProcessState::Succeeded);
        }
        let order = v1::StartBulkRequest {
            bulk_id: Uuid::now_v7().to_string(),
            action: "discard".to_owned(),
            filter: Some(v1::ProcessFilter { executor_type: "nobody".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let bulk = self.ops.start_bulk(order).await.unwrap();
        eventually("the bulk action is through", async || {
            (self.ops.get_bulk(&bulk.bulk_id).await.unwrap().state == "finished").then_some(())
        })
        .await;
    }
}

async fn handle(work: Work) -> Result<(), apiary_executor_sdk::Failure> {
    work.log(LogLevel::Info, "at work");
    work.report(50.0, "half of it");
    work.set_attribute(AttributeKind::Out, "note", "seen")?;
    Ok(())
}

async fn each_task_may_panic_and_work_goes_on(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let manual = colony.executor("manual", "manual").await;
    let stop = CancellationToken::new();
    let executor = Executor::builder(bee).executor_type("t").slots(4).handle("f", handle).build().unwrap();
    let working = tokio::spawn(executor.run(stop.clone()));
    let round = Round { colony: &colony, user, ops, manual };
    round.run().await;
    let tasks = colony.supervisor();
    assert!(tasks.names().len() >= 13, "{:?}", tasks.names());
    for name in tasks.names() {
        tasks.sabotage(name);
        eventually(&format!("the panic of `{name}` is reported"), async || is_reported(tasks, name)).await;
        round.run().await;
    }
    eventually("all tasks are steady", async || tasks.is_up().then_some(())).await;
    let findings = colony.reader().await.get_health().await.unwrap().findings;
    let restarted = findings.iter().filter(|finding| finding.kind == "TASK_RESTARTED");
    assert_eq!(restarted.count(), tasks.names().len(), "each is in the colony's health");
    stop.cancel();
    working.await.unwrap().unwrap();
}

async fn a_poll_that_waits_outlives_the_dispatcher(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let poll = tokio::spawn(async move { claim(&bee, "t", 1, Duration::from_secs(50)).await });
    colony.wait_for_polls(1).await;
    let tasks = colony.supervisor();
    tasks.sabotage("dispatcher");
    eventually("the panic is reported", async || is_reported(tasks, "dispatcher")).await;
    let process_id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let leases = tokio::time::timeout(Duration::from_secs(20), poll).await.unwrap().unwrap();
    assert_eq!(leases[0].process_id, process_id.to_string());
}

async fn a_task_that_is_down_is_shown_until_it_runs_again(colony: TestColony) {
    let ready = async || {
        let answer = http().get(format!("http://{}/readyz", colony.address())).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(ready().await, 200);
    eventually("the broker is not ready", async || {
        // Each time it stays down for longer.
        colony.supervisor().sabotage("sweeps");
        (ready().await == 503).then_some(())
    })
    .await;
    eventually("the broker is ready again", async || (ready().await == 200).then_some(())).await;
}

fn is_reported(tasks: &Supervisor, name: &str) -> Option<()> {
    let notices = tasks.notices().list();
    notices.iter().any(|notice| notice.kind == "TASK_RESTARTED" && notice.subject == name).then_some(())
}
