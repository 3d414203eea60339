//! Messages between brokers: sent only while another broker listens.

use std::time::Duration;

use apiary_tests::{Backend, TestColony, eventually};
use sqlx::postgres::PgListener;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_alone_sends_no_messages_and_with_another_it_does() {
    let colony = TestColony::start(Backend::postgres().await).await;
    let user = colony.user("ada").await;
    let mut ear = PgListener::connect(&colony.backend.url()).await.unwrap();
    ear.listen("apiary").await.unwrap();
    // Until the first count the broker sends, because it knows of nobody.
    eventually("the broker knows that it is alone", async || silent(&mut ear, &user).await.then_some(())).await;
    let peer = colony.start_peer().await;
    eventually("the broker tells the other of work", async || (!silent(&mut ear, &user).await).then_some(())).await;
    peer.stop().await;
}

/// Submits a process; returns true if no broker tells of it before a later message of the test's own arrives.
async fn silent(ear: &mut PgListener, user: &apiary_executor_sdk::Client) -> bool {
    user.submit_json("t", "f", &()).await.unwrap();
    let heard = async {
        loop {
            let text = ear.recv().await.unwrap().payload().to_owned();
            if text.contains("lanes") {
                return;
            }
        }
    };
    // Messages are gathered for 20 ms; a message that comes later than this counts as none, and the test looks again.
    tokio::time::timeout(Duration::from_millis(500), heard).await.is_err()
}
