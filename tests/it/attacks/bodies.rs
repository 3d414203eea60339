//! Messages and bodies that never end: the memory stays within its bound.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::scene::{LONG, QUICK, Target, breath, call, http2};

/// Calls that anybody may begin, with the beginning of each message.
const CALLS: [(&str, usize); 6] = [
    ("/apiary.v1.BrokerService/Connect", 16 << 20),
    ("/apiary.v1.ProcessService/Submit", 2 << 20),
    ("/apiary.v1.ProcessService/SubmitBatch", 16 << 20),
    ("/apiary.v1.LeaseService/Complete", 2 << 20),
    ("/apiary.v1.LeaseService/EndBatch", 16 << 20),
    ("/apiary.v1.LeaseService/Claim", 16 << 20),
];
const CONNECTIONS: usize = 60;
const STREAMS: usize = 20;
const CHUNK: usize = 16 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_messages_fill_no_memory() {
    unfinished_messages(QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a rig of check-long"]
async fn long_unfinished_messages_fill_no_memory() {
    unfinished_messages(LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_http_bodies_fill_no_memory() {
    unfinished_http_bodies(QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a rig of check-long"]
async fn long_unfinished_http_bodies_fill_no_memory() {
    unfinished_http_bodies(LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_countless_fields_fill_no_memory() {
    countless_fields(QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a rig of check-long"]
async fn long_messages_of_countless_fields_fill_no_memory() {
    countless_fields(LONG).await;
}

/// Complete batches of empty documents: two bytes each on the wire, and fifty times that when decoded.
async fn countless_fields(time: Duration) {
    const BATCHES: [(&str, usize); 3] = [
        ("/apiary.v1.ProcessService/SubmitBatch", 4 << 20),
        ("/apiary.v1.LeaseService/EndBatch", 4 << 20),
        ("/apiary.v1.ProcessService/SubmitBatch", 15 << 20),
    ];
    let target = Target::start(&[]).await;
    let address = target.address;
    let mut attackers = JoinSet::new();
    for (path, bytes) in BATCHES {
        attackers.spawn(async move {
            let message =
                [&[0], u32::try_from(bytes).unwrap().to_be_bytes().as_slice(), &b"\x0a\0".repeat(bytes / 2)].concat();
            let message = Bytes::from(message);
            loop {
                breath().await;
                let Some(client) = http2(1, address).await else { continue };
                while send_whole(client.clone(), address, path, message.clone()).await.is_some() {}
            }
        });
    }
    target.withstands(attackers, time).await;
}

/// Sends a message, as fast as the broker reads it, and waits for the answer.
async fn send_whole(
    client: h2::client::SendRequest<Bytes>,
    address: SocketAddr,
    path: &str,
    message: Bytes,
) -> Option<()> {
    let mut client = client.ready().await.ok()?;
    let (answer, mut stream) = client.send_request(call(address, path), false).ok()?;
    let send = async {
        let mut left = message;
        while !left.is_empty() {
            stream.reserve_capacity(left.len().min(CHUNK));
            let room = poll_fn(|context| stream.poll_capacity(context)).await?.ok()?;
            let part = left.split_to(room.min(left.len()));
            stream.send_data(part, left.is_empty()).ok()?;
        }
        Some(())
    };
    let (_, answer) = tokio::join!(send, answer);
    answer.ok().map(drop)
}

async fn unfinished_messages(time: Duration) {
    let target = Target::start(&[]).await;
    let mut attackers = JoinSet::new();
    for number in 0..CONNECTIONS {
        attackers.spawn(attack_over_one_connection(target.address, number));
    }
    target.withstands(attackers, time).await;
}

/// Keeps many unfinished messages in progress on a connection, and opens it again whenever it is closed.
async fn attack_over_one_connection(address: SocketAddr, number: usize) {
    loop {
        breath().await;
        let Some(client) = http2(1, address).await else { continue };
        let messages = (0..STREAMS).map(|stream| {
            let (path, bytes) = CALLS[(number + stream) % CALLS.len()];
            send_unfinished(client.clone(), address, path, bytes)
        });
        futures::future::join_all(messages).await;
    }
}

/// Begins a message, sends all of it but its last byte, and waits; then the next, until the connection breaks.
async fn send_unfinished(
    client: h2::client::SendRequest<Bytes>,
    address: SocketAddr,
    path: &str,
    bytes: usize,
) -> Option<()> {
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    loop {
        let mut client = client.clone().ready().await.ok()?;
        let (answer, mut stream) = client.send_request(call(address, path), false).ok()?;
        let length = u32::try_from(bytes).unwrap().to_be_bytes();
        stream.send_data(Bytes::from([&[0], length.as_slice()].concat()), false).ok()?;
        let send = async {
            let mut sent = 0;
            while sent + CHUNK < bytes {
                stream.reserve_capacity(CHUNK);
                let room = poll_fn(|context| stream.poll_capacity(context)).await?.ok()?;
                let part = chunk.slice(..room.min(CHUNK));
                sent += part.len();
                stream.send_data(part, false).ok()?;
            }
            std::future::pending::<Option<()>>().await
        };
        tokio::select! {
            _ = send => {}
            answer = answer => drop(answer.ok()?),
        }
    }
}

async fn unfinished_http_bodies(time: Duration) {
    const BODIES: usize = 400;
    const SENT: usize = 2_900_000;
    let target = Target::start(&[]).await;
    let address = target.address;
    let mut attackers = JoinSet::new();
    for _ in 0..BODIES {
        attackers.spawn(async move {
            let chunk = vec![b' '; CHUNK];
            loop {
                breath().await;
                let Ok(mut stream) = TcpStream::connect(address).await else { continue };
                let head = "POST /v1/processes HTTP/1.1\r\nhost: test\r\ncontent-length: 3000000\r\n\r\n";
                let send = async {
                    stream.write_all(head.as_bytes()).await?;
                    for _ in 0..SENT / CHUNK {
                        stream.write_all(&chunk).await?;
                    }
                    // Waits until the connection is closed.
                    stream.read_to_end(&mut Vec::new()).await
                };
                let _ = send.await;
            }
        });
    }
    target.withstands(attackers, time).await;
}
