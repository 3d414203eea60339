//! `RejectExecutor`: a rejected registration stays rejected until there is a grant.

use apiary_identity::{Envelope, GrantRight, KeyPair, Role};
use apiary_tests::TestColony;

use super::{saying, state_of};

on_each_store!(a_rejected_key_stays_rejected_until_it_is_granted, only_operators_reject);

// Cases 14, X22.
async fn a_rejected_key_stays_rejected_until_it_is_granted(colony: TestColony) {
    let key = KeyPair::generate();
    let (stranger, reader) = (colony.client(&key), colony.reader().await);
    let operator = colony.grant("operator", Role::User, &[], &[], &[GrantRight::Executors]).await;
    assert!(!operator.reject_executor(&key.id()).await.unwrap(), "nobody of this key registered");
    stranger.register_executor(saying("newcomer", &[])).await.unwrap();
    assert!(operator.reject_executor(&key.id()).await.unwrap());
    assert_eq!(state_of(&reader, "newcomer").await.as_deref(), Some("rejected"));
    let refused = stranger.register_executor(saying("newcomer", &[])).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    assert!(refused.to_string().contains("turned down"), "{refused}");
    let grant = colony.grant_document(&key, "newcomer", Role::Executor, &["*"], &["t"], &[]);
    reader.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    assert_eq!(stranger.register_executor(saying("newcomer", &[])).await.unwrap().state, "idle");
    assert!(!operator.reject_executor(&key.id()).await.unwrap(), "it is approved: removing is another thing");
}

async fn only_operators_reject(colony: TestColony) {
    let key = KeyPair::generate();
    colony.client(&key).register_executor(saying("newcomer", &[])).await.unwrap();
    for client in [colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await] {
        assert_eq!(client.reject_executor(&key.id()).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    assert!(colony.client(&colony.key).reject_executor(&key.id()).await.unwrap());
}
