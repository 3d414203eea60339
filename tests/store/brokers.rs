//! Several brokers: a common clock and messages if they share a database, neither if not.

use std::time::Duration;

use apiary_store::StoreError;
use apiary_tests::Backend;
use apiary_tests::eventually;

on_each_store!(
    brokers_on_a_shared_database_hear_each_other_and_share_its_clock,
    a_message_too_long_is_refused,
    a_closed_store_ends_what_it_tells,
);

async fn brokers_on_a_shared_database_hear_each_other_and_share_its_clock(backend: Backend) {
    let store = backend.open().await;
    let heard = store.listen().await.unwrap();
    store.notify("to nobody, or to all").await.unwrap();
    if backend.kind() == "sqlite" {
        assert!(heard.is_none(), "a file has one broker");
        assert_eq!(store.count_listeners().await.unwrap(), None);
        assert_eq!(store.database_time_ms().await.unwrap(), None);
        return;
    }
    let mut heard = heard.unwrap();
    let peer = backend.open().await;
    peer.notify("{\"lane\":\"finance\"}").await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), "", "its own greeting");
    assert_eq!(heard.recv().await.unwrap(), "to nobody, or to all");
    assert_eq!(heard.recv().await.unwrap(), "{\"lane\":\"finance\"}");
    let first = store.database_time_ms().await.unwrap().unwrap();
    let second = peer.database_time_ms().await.unwrap().unwrap();
    assert!(first > 1_700_000_000_000 && (0..60_000).contains(&(second - first)), "{first} {second}");
    // A broker that begins to listen greets the others, and is counted until it is gone.
    assert_eq!(store.count_listeners().await.unwrap(), Some(1));
    let _peer_heard = peer.listen().await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), "");
    assert_eq!(store.count_listeners().await.unwrap(), Some(2));
    peer.close().await;
    eventually("the peer is gone", async || (store.count_listeners().await.ok()? == Some(1)).then_some(())).await;

    // The listener reconnects by itself after the server has cut it.
    backend.cut_connections().await;
    eventually("messages arrive again", async || {
        store.notify("again").await.ok()?;
        let message = tokio::time::timeout(Duration::from_millis(200), heard.recv()).await.ok().flatten();
        message.filter(|message| !message.is_empty())
    })
    .await;
}

async fn a_message_too_long_is_refused(backend: Backend) {
    let store = backend.open().await;
    store.notify(&"m".repeat(7_900)).await.unwrap();
    let refused = store.notify(&"m".repeat(7_901)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
}

async fn a_closed_store_ends_what_it_tells(backend: Backend) {
    let store = backend.open().await;
    let heard = store.listen().await.unwrap();
    store.close().await;
    if let Some(mut heard) = heard {
        // Its own greeting may have arrived before; nothing else, and then the end.
        while let Some(message) = heard.recv().await {
            assert_eq!(message, "");
        }
    }
}
