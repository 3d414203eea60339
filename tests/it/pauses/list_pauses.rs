//! `ListPauses`: the pauses with start, operator and reason; for every member.

use apiary_identity::KeyPair;
use apiary_tests::TestColony;

use super::{pausing, resuming};

on_each_store!(every_member_sees_what_is_paused);

// Case 43.
async fn every_member_sees_what_is_paused(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    assert!(user.list_pauses().await.unwrap().pauses.is_empty());
    for (kind, name) in [("function", "ship"), ("function", "charge"), ("executor_type", "t"), ("colony", "")] {
        owner.pause(pausing(kind, name)).await.unwrap();
    }
    owner.resume(resuming("function", "ship")).await.unwrap();
    for client in [&user, &bee, &owner] {
        let pauses = client.list_pauses().await.unwrap().pauses;
        let listed: Vec<_> = pauses.iter().map(|pause| (pause.kind.as_str(), pause.name.as_str())).collect();
        assert_eq!(listed, [("colony", ""), ("executor_type", "t"), ("function", "charge")]);
        assert_eq!((pauses[0].by.as_str(), pauses[0].reason.as_str()), ("colony", "the bank is away"));
        assert!(pauses[0].since_ms > 1_700_000_000_000);
    }
    let stranger = colony.client(&KeyPair::generate());
    assert_eq!(stranger.list_pauses().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
