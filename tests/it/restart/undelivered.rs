//! A broker that is killed, or stands still, amid its work: nothing stays running until a lease of ten minutes is over.

use std::time::Duration;

use apiary_executor_sdk::v1::{ListProcessesRequest, ProcessState};
use apiary_executor_sdk::{CancellationToken, Executor, Work};
use apiary_identity::{Envelope, KeyPair, Role};
use apiary_tests::{Backend, eventually_within, grant_document, random};
use nix::sys::signal::Signal;
use rand::RngExt as _;

use apiary_tests::parts::Parts;

const PROCESSES: usize = 300;
const BREAKS: usize = 6;

mod sqlite {
    #[tokio::test(flavor = "multi_thread")]
    async fn no_process_waits_for_the_end_of_a_lease_that_nobody_heard_of() {
        super::no_process_waits_for_the_end_of_a_lease_that_nobody_heard_of(apiary_tests::Backend::sqlite().await)
            .await;
    }
}

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn no_process_waits_for_the_end_of_a_lease_that_nobody_heard_of() {
        super::no_process_waits_for_the_end_of_a_lease_that_nobody_heard_of(apiary_tests::Backend::postgres().await)
            .await;
    }
}

async fn member(parts: &Parts, role: Role, name: &str) -> apiary_executor_sdk::Client {
    let key = KeyPair::generate();
    let grant = grant_document(&parts.colony, &key, name, role, (&["*"], &["*"]), &[]);
    parts.client(&parts.colony).add_grant(&Envelope::seal(&parts.colony, &grant).unwrap()).await.unwrap();
    parts.client(&key)
}

async fn no_process_waits_for_the_end_of_a_lease_that_nobody_heard_of(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.start_broker().await;
    let (user, bee) = (member(&parts, Role::User, "ada").await, member(&parts, Role::Executor, "bee").await);
    // At the same time, so that they are committed together.
    futures::future::try_join_all((0..PROCESSES).map(|_| user.submit_json("t", "f", &()))).await.unwrap();
    let handler = |_: Work| async {
        // The work's own duration.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok("done")
    };
    let executor = Executor::builder(bee)
        .executor_type("t")
        .slots(4)
        .lease(Duration::from_secs(600))
        .handle("f", handler)
        .build()
        .unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(executor.run(stop.clone()));
    let mut random = random::generator();
    for number in 0..BREAKS {
        // The broker's running time: it breaks at a moment that nothing else decides.
        tokio::time::sleep(Duration::from_millis(random.random_range(50..400))).await;
        if number % 3 == 2 {
            parts.broker.signal(Signal::SIGSTOP);
            // The broker's standstill.
            tokio::time::sleep(Duration::from_millis(500)).await;
            parts.broker.signal(Signal::SIGCONT);
        } else {
            parts.broker.kill();
            parts.broker.start();
            parts.broker.ready().await;
        }
    }
    let reader = parts.client(&parts.colony);
    eventually_within(Duration::from_secs(120), "all are done, and none ran longer than it must", async || {
        let request = ListProcessesRequest { page_size: 1000, ..Default::default() };
        let processes = reader.list_processes(request).await.ok()?.processes;
        let done = processes.iter().filter(|process| process.state() == ProcessState::Succeeded).count();
        (done == PROCESSES).then_some(())
    })
    .await;
    stop.cancel();
    running.await.unwrap().unwrap();
}
