//! Release: back at its old place, with no retry spent.

use apiary_store::model::{ProcessState, Release};
use apiary_tests::Backend;

use crate::tenant::{DONE, LOST, NOW, Tenant, failure};

on_each_store!(a_released_process_waits_at_its_place_and_no_retry_is_spent);

async fn a_released_process_waits_at_its_place_and_no_retry_is_spent(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut aimed = tenant.process();
    aimed.executor_names = vec!["bee".to_owned()];
    let first = tenant.submit(aimed).await;
    let second = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    tenant.store.fail(&[failure(lease)], NOW).await.unwrap();
    let lease = tenant.claim_one(&bee, NOW).await;
    assert_eq!(tenant.store.release(&[Release::at_once(lease)], NOW + 1).await.unwrap(), [DONE]);
    assert_eq!(tenant.store.release(&[Release::at_once(lease)], NOW + 1).await.unwrap(), [LOST]);
    let shown = tenant.summary(first).await;
    assert_eq!((shown.state, shown.attempt, shown.retries_spent), (ProcessState::Waiting, 2, 1));

    // Still only for its name, and still before the second.
    let stranger = tenant.bee("stranger").await;
    let theirs = tenant.claim_at(&stranger, 1, NOW + 2).await;
    assert_eq!(theirs[0].process_id, second);
    let ours = tenant.claim_at(&bee, 2, NOW + 2).await;
    assert_eq!(ours.iter().map(|one| (one.process_id, one.attempt)).collect::<Vec<_>>(), [(first, 3)]);
    assert_eq!(tenant.store.attempts(first).await.unwrap()[1].ending, "released");
}
