//! `Connect`: the broker instance to sign for.

use apiary_identity::KeyPair;
use apiary_tests::TestColony;

on_each_store!(anybody_may_ask_and_the_instance_is_new_at_every_start);

async fn anybody_may_ask_and_the_instance_is_new_at_every_start(mut colony: TestColony) {
    let stranger = colony.client(&KeyPair::generate());
    let first = stranger.connect().await.unwrap();
    assert!(first.message_bytes_max > first.document_bytes_max);
    assert_eq!(first.broker_id, stranger.connect().await.unwrap().broker_id);
    colony.stop().await;
    colony.start_again().await;
    let again = colony.client(&KeyPair::generate()).connect().await.unwrap();
    assert_ne!(first.broker_id, again.broker_id);
}
