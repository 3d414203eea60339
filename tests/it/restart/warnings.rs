//! Warnings of processes that the broker ends by itself: the first few of each cause, with the process and the remedy,
//! without a flood.

use apiary_executor_sdk::v1;
use apiary_identity::{Envelope, KeyPair, Role};
use apiary_tests::{Backend, eventually, grant_document};

use apiary_tests::parts::Parts;

const PROCESSES: usize = 30;

/// Adds a member with a grant for all work.
async fn member(parts: &Parts, role: Role, name: &str) -> apiary_executor_sdk::Client {
    let key = KeyPair::generate();
    let grant = grant_document(&parts.colony, &key, name, role, (&["*"], &["*"]), &[]);
    parts.client(&parts.colony).add_grant(&Envelope::seal(&parts.colony, &grant).unwrap()).await.unwrap();
    parts.client(&key)
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_waits_and_thirty_leases_that_are_over_are_a_few_warnings_each() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.start_broker().await;
    let (user, bee) = (member(&parts, Role::User, "ada").await, member(&parts, Role::Executor, "bee").await);
    let reader = parts.client(&parts.colony);
    let (mut late, mut lost) = (Vec::new(), Vec::new());
    for _ in 0..PROCESSES {
        let mut spec = user.spec("nobody", "f");
        spec.max_wait_ms = 1;
        late.push(user.submit(&spec).await.unwrap().process_id.to_string());
        let mut spec = user.spec("t", "g");
        spec.max_retries = 0;
        lost.push(user.submit(&spec).await.unwrap().process_id.to_string());
    }
    let mut claimed = 0;
    while claimed < PROCESSES {
        let request = v1::ClaimRequest {
            executor_type: "t".to_owned(),
            count_max: 30,
            wait_ms: 1000,
            lease_ms: 1000,
            ..Default::default()
        };
        claimed += bee.claim(request).await.unwrap().leases.len();
    }
    for (ids, state) in [(&late, v1::ProcessState::Failed), (&lost, v1::ProcessState::DeadLetter)] {
        eventually("all of them are over", async || {
            let request = v1::ListProcessesRequest { page_size: 1000, ..Default::default() };
            let processes = reader.list_processes(request).await.ok()?.processes;
            let over = processes.iter().filter(|one| one.state() == state && ids.contains(&one.process_id));
            (over.count() == PROCESSES).then_some(())
        })
        .await;
    }
    assert_eq!(parts.broker.terminate().await, Some(0));
    let words = parts.broker.words();
    let lines = |words_of_it: &str| words.lines().filter(|line| line.contains(words_of_it)).collect::<Vec<_>>();
    for (told, ids, remedy) in [
        ("not claimed within max_wait", &late, "apiary process explain"),
        ("attempt ended by the broker", &lost, "see the log of its executor"),
    ] {
        let told = lines(told);
        assert!((1..=5).contains(&told.len()), "{}: {told:#?}", told.len());
        for line in &told {
            assert!(line.contains("WARN") && line.contains(remedy), "{line}");
            assert!(!line.contains("held_back"), "none was held back yet: {line}");
            assert!(ids.iter().any(|id| line.contains(id)), "{line}");
        }
    }
}
