//! Endless HTTP/2 streams, resets and headers, and a known client with too many polls.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_tests::{Backend, TestColony, eventually};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::scene::{LONG, QUICK, Target, breath, call, http2};

const CONNECTIONS: usize = 40;
const ADDRESSES: u8 = 120;

#[tokio::test(flavor = "multi_thread")]
async fn resets_and_streams_without_end_keep_nobody_out() {
    floods(QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a rig of check-long"]
async fn long_resets_and_streams_without_end_keep_nobody_out() {
    floods(LONG).await;
}

async fn floods(time: Duration) {
    let target = Target::start(&[]).await;
    let address = target.address;
    let mut attackers = JoinSet::new();
    for number in 0..CONNECTIONS {
        attackers.spawn(async move {
            loop {
                breath().await;
                let Some(client) = http2(1, address).await else { continue };
                match number % 3 {
                    0 => reset(client, address).await,
                    1 => open_streams(client, address, "/grpc.health.v1.Health/Watch", true).await,
                    _ => open_streams(client, address, "/apiary.v1.ProcessService/Submit", false).await,
                };
            }
        });
    }
    target.withstands(attackers, time).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_without_end_from_many_addresses_keep_nobody_out() {
    floods_from_many(QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a rig of check-long"]
async fn long_streams_without_end_from_many_addresses_keep_nobody_out() {
    floods_from_many(LONG).await;
}

/// Attacks with a connection from each of many addresses, each with few streams.
async fn floods_from_many(time: Duration) {
    let target = Target::start(&[]).await;
    let address = target.address;
    let mut attackers = JoinSet::new();
    for from in 1..=ADDRESSES {
        attackers.spawn(async move {
            loop {
                breath().await;
                let Some(client) = http2(from, address).await else { continue };
                open_slowly(client, address).await;
            }
        });
    }
    target.withstands(attackers, time).await;
}

/// Begins a few calls at a time, each with the beginning of a message, and ends none of them.
async fn open_slowly(client: h2::client::SendRequest<Bytes>, address: std::net::SocketAddr) -> Option<()> {
    let mut open = Vec::new();
    loop {
        for _ in 0..20 {
            let mut client = client.clone().ready().await.ok()?;
            let submit = call(address, "/apiary.v1.ProcessService/Submit");
            let (answer, mut stream) = client.send_request(submit, false).ok()?;
            stream.send_data(Bytes::from_static(&[0, 0, 0, 1, 0, 1, 2, 3, 4]), false).ok()?;
            open.push((answer, stream));
        }
        // The pace of the attack.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Begins calls and resets them at once, in rows with one whole call at the end, until the connection is closed.
async fn reset(client: h2::client::SendRequest<Bytes>, address: std::net::SocketAddr) -> Option<()> {
    loop {
        for number in 0..100 {
            let mut client = client.clone().ready().await.ok()?;
            let connect = call(address, "/apiary.v1.BrokerService/Connect");
            let (answer, mut stream) = client.send_request(connect, false).ok()?;
            if number == 99 {
                stream.send_data(Bytes::from_static(&[0; 5]), true).ok()?;
                answer.await.ok()?;
            } else {
                stream.send_reset(h2::Reason::CANCEL);
            }
        }
    }
}

/// Opens streams with large heads, as many as there may be, and ends none of them.
async fn open_streams(
    client: h2::client::SendRequest<Bytes>,
    address: std::net::SocketAddr,
    path: &str,
    has_message: bool,
) -> Option<()> {
    let mut open = Vec::new();
    loop {
        let mut client = client.clone().ready().await.ok()?;
        let mut request = call(address, path);
        request.headers_mut().insert("x-large", "x".repeat(12_000).parse().unwrap());
        let (answer, mut stream) = client.send_request(request, false).ok()?;
        if has_message {
            stream.send_data(Bytes::from_static(&[0; 5]), true).ok()?;
        }
        open.push((answer, stream));
        // The attacking library never waits by itself.
        tokio::task::yield_now().await;
        if open.len() > 900 {
            // Dropping streams that were refused long ago makes room for the next.
            open.drain(..100);
            breath().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_leave_streams_for_renewals_on_the_same_connection() {
    const POLLS: usize = 1000;
    let colony = TestColony::start(Backend::sqlite().await).await;
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let mut polls = JoinSet::new();
    for _ in 0..POLLS {
        let bee = bee.clone();
        let request = v1::ClaimRequest { executor_type: "t".into(), wait_ms: 50_000, ..Default::default() };
        polls.spawn(async move { bee.claim(request).await });
    }
    let refused = eventually("the polls beyond the bound are refused", async || polls.try_join_next()).await;
    let refused = refused.unwrap().unwrap_err();
    assert!(refused.to_string().contains("open another connection"), "{refused}");
    colony.wait_for_polls(960).await;
    let process_id = lease.process_id.parse().unwrap();
    let renewed =
        tokio::time::timeout(Duration::from_secs(5), bee.renew(process_id, lease.attempt, Duration::from_secs(30)));
    assert!(renewed.await.expect("there is a stream for it").is_ok());
}
