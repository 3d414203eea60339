//! `GetColony`.

use apiary_identity::KeyPair;
use apiary_tests::TestColony;

on_each_store!(it_counts_processes_by_state, it_is_for_the_owner_and_for_readers);

async fn it_counts_processes_by_state(colony: TestColony) {
    let user = colony.user("ada").await;
    for _ in 0..3 {
        user.submit_json("t", "f", &()).await.unwrap();
    }
    let executor = colony.executor("bee", "t").await;
    colony.claim_one(&executor, "t").await;
    let answer = colony.client(&colony.key).get_colony().await.unwrap();
    assert_eq!(answer.colony.unwrap().name, "test");
    let counts: Vec<_> = answer.state_counts.iter().map(|count| (count.state.as_str(), count.count)).collect();
    assert_eq!(counts, [("waiting", 2), ("running", 1)]);
}

async fn it_is_for_the_owner_and_for_readers(colony: TestColony) {
    assert!(colony.reader().await.get_colony().await.is_ok());
    for nobody in [colony.user("ada").await, colony.executor("bee", "t").await, colony.client(&KeyPair::generate())] {
        assert_eq!(nobody.get_colony().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
}
