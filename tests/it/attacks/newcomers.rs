//! A stranger that makes endless keys, and registers each for approval.

use std::net::SocketAddr;
use std::sync::Arc;

use apiary_executor_sdk::{Client, ClientConfig, v1};
use apiary_identity::{Envelope, KeyPair, Role, SystemClock};
use apiary_tests::{Backend, TestColony};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::connections::connect;

/// Maximum number of executors from one address that wait for approval.
const PER_ADDRESS: usize = 100;

fn newcomer() -> v1::RegisterExecutorRequest {
    v1::RegisterExecutorRequest { executor_type: "t".into(), name: "newcomer".into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stranger_leaves_room_for_other_newcomers() {
    let colony = TestColony::start(Backend::sqlite().await).await;
    let reader = colony.reader().await;
    let is_told = async || format!("{:?}", reader.get_health().await.unwrap()).contains("NEWCOMERS_FULL");
    let first = KeyPair::generate();
    assert!(colony.client(&first).register_executor(newcomer()).await.is_ok());
    for _ in 1..PER_ADDRESS {
        assert!(colony.client(&KeyPair::generate()).register_executor(newcomer()).await.is_ok());
    }
    assert!(!is_told().await);
    let refused = colony.client(&KeyPair::generate()).register_executor(newcomer()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("OVERLOADED"));
    assert!(
        refused.to_string().contains("from 127.0.0.1") && refused.to_string().contains("trusted_proxies"),
        "{refused}"
    );
    assert!(is_told().await, "the owner learns of it, and what to do if it is a proxy");

    assert!(colony.client(&first).register_executor(newcomer()).await.is_ok(), "whoever waits may ask again");
    let (elsewhere, _relay) = relay(2, colony.address()).await;
    let config = ClientConfig::new(format!("http://{elsewhere}").parse().unwrap());
    let other = Client::new(&config, colony.key.id(), KeyPair::generate(), Arc::new(SystemClock)).unwrap();
    let waits = other.register_executor(newcomer()).await.unwrap();
    assert_eq!(waits.state, "pending", "another address has its own room");

    let grant = colony.grant_document(&first, "first", Role::Executor, &["*"], &["t"], &[]);
    reader.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    assert_eq!(colony.client(&first).register_executor(newcomer()).await.unwrap().state, "idle");
    assert!(!is_told().await, "there is room again");
}

/// Starts a proxy to the broker from another of this machine's addresses.
async fn relay(from: u8, to: SocketAddr) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let relaying = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut server) = connect(from, to).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, AbortOnDropHandle::new(relaying))
}
