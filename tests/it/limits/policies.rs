//! Policies that cancel excess processes: the submitter is notified, at every broker.

use apiary_executor_sdk::v1::{self, ProcessState};
use apiary_tests::TestColony;
use apiary_tests::colony::state_of;
use uuid::Uuid;

use super::{answer, poll, running, submit_keyed};

on_each_store!(of_many_submits_at_once_only_as_many_stay_as_may, a_new_one_takes_the_place_of_one_that_runs);

async fn of_many_submits_at_once_only_as_many_stay_as_may(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let owner = colony.client(&colony.key);
    let peer = colony.start_peer_if_shared().await;
    let there = peer.as_ref().map(|peer| peer.client(colony.key.id(), &colony.key_of("ada")));
    for policy in ["drop_newest", "cancel_oldest"] {
        owner.set_limit(v1::Limit { policy: policy.into(), ..running("concurrency_key", policy, 3) }).await.unwrap();
        let submits = (0..20).map(|number| {
            let user = there.as_ref().filter(|_| number % 2 == 0).unwrap_or(&user);
            async move {
                let mut spec = user.spec("t", "f");
                spec.concurrency_key = Some(policy.to_owned());
                user.submit(&spec).await.unwrap()
            }
        });
        let submitted = futures::future::join_all(submits).await;
        let mut left: Vec<Uuid> = Vec::new();
        for one in &submitted {
            let process = reader.get_process(one.process_id).await.unwrap().process.unwrap();
            match process.state() {
                ProcessState::Waiting => left.push(one.process_id),
                state => assert_eq!((state, process.ended_by.as_str()), (ProcessState::Cancelled, "limit")),
            }
        }
        assert_eq!(left.len(), 3, "{policy}");
        if policy == "drop_newest" {
            let told = submitted.iter().filter(|one| one.state == ProcessState::Cancelled).count();
            assert_eq!(told, 17, "whoever is dropped hears it at once");
        }
    }
    if let Some(peer) = peer {
        peer.stop().await;
    }
}

async fn a_new_one_takes_the_place_of_one_that_runs(colony: TestColony) {
    let (user, bee, reader) = (colony.user("ada").await, colony.executor("bee", "t").await, colony.reader().await);
    let limit = v1::Limit { policy: "cancel_oldest".into(), ..running("concurrency_key", "preview", 1) };
    colony.client(&colony.key).set_limit(limit).await.unwrap();
    let first = submit_keyed(&user, "preview").await;
    let lease = colony.claim_one(&bee, "t").await;
    let second = submit_keyed(&user, "preview").await;
    assert_eq!(state_of(&reader, first).await, ProcessState::Running, "it is told, and may stop by itself");
    let woken = poll(&bee, "t");
    colony.wait_for_polls(1).await;
    let refused = bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap_err();
    assert_eq!(refused.reason(), Some("CANCELLED"));
    assert_eq!(state_of(&reader, first).await, ProcessState::Cancelled);
    assert_eq!(answer(woken).await, second);
}
