//! `ListLimits`.

use apiary_executor_sdk::v1;
use apiary_identity::KeyPair;
use apiary_tests::TestColony;

use super::{claim_all, rate, running, submit_keyed, submit_rated};

on_each_store!(
    limits_are_listed_with_what_is_used_of_them,
    only_who_may_read_or_operate_sees_which_keys_are_in_use,
    only_members_list_limits,
);

async fn limits_are_listed_with_what_is_used_of_them(colony: TestColony) {
    let (user, bee, reader) = (colony.user("ada").await, colony.executor("bee", "t").await, colony.reader().await);
    let owner = colony.client(&colony.key);
    owner.set_limit(rate("rate_key", "api*", 1, 3_600_000, 0)).await.unwrap();
    owner.set_limit(running("concurrency_key", "k-*", 1)).await.unwrap();
    owner.set_limit(running("function", "idle", 7)).await.unwrap();
    for _ in 0..2 {
        for key in ["k-1", "k-2", "of no limit"] {
            submit_keyed(&user, key).await;
        }
        submit_rated(&user, "api").await;
    }
    assert_eq!(claim_all(&bee).await.len(), 4);
    let listed = reader.list_limits().await.unwrap();
    let shown = |at: usize| {
        let uses = listed[at].uses.iter().map(|one| (one.key.as_str(), one.running, one.waiting));
        (listed[at].limit.as_ref().unwrap().kind.as_str(), uses.collect::<Vec<_>>())
    };
    assert_eq!(shown(0), ("concurrency_key", vec![("k-1", 1, 1), ("k-2", 1, 1)]));
    assert_eq!(shown(1), ("function", vec![("idle", 0, 0)]));
    assert_eq!(shown(2), ("rate_key", vec![("api", 1, 1)]));
    let limit = listed[0].limit.clone().unwrap();
    assert_eq!(limit, v1::Limit { policy: "queue".into(), ..running("concurrency_key", "k-*", 1) });
    assert_eq!(listed[0].uses[0].next_start_ms, 0);
    assert!(listed[2].uses[0].next_start_ms > listed[2].set_at_ms + 3_500_000);
}

async fn only_who_may_read_or_operate_sees_which_keys_are_in_use(colony: TestColony) {
    let (user, bee, owner) = (colony.user("ada").await, colony.executor("bee", "t").await, colony.client(&colony.key));
    let (reader, operator) = (colony.reader().await, colony.operator("operator").await);
    owner.set_limit(running("concurrency_key", "customer-*", 1)).await.unwrap();
    submit_keyed(&user, "customer-7").await;
    for (client, seen) in [(&user, 0), (&bee, 0), (&reader, 1), (&operator, 1), (&owner, 1)] {
        let listed = client.list_limits().await.unwrap();
        assert_eq!((listed.len(), listed[0].uses.len()), (1, seen), "everybody sees the limit");
    }
}

async fn only_members_list_limits(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    assert!(bee.list_limits().await.unwrap().is_empty());
    let stranger = colony.client(&KeyPair::generate());
    assert_eq!(stranger.list_limits().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
