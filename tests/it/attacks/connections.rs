//! Connections that send nothing, little, or an endless request: all other clients can still connect.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::scene::{LONG, QUICK, Target, breath};

/// Bytes that a connection sends before it falls silent.
const BEGINNINGS: [&[u8]; 4] = [
    b"",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"GET /readyz HTTP/1.1\r\nx-slow: ",
    b"POST /v1/processes HTTP/1.1\r\nhost: test\r\ncontent-length: 3000000\r\n\r\n{",
];

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_keep_nobody_out() {
    silent_connections(&[], 1, 700, QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_from_many_addresses_keep_nobody_out() {
    let few = [("APIARY_BROKER_CONNECTIONS_MAX", "200"), ("APIARY_BROKER_CONNECTIONS_PER_PEER_MAX", "100")];
    silent_connections(&few, 40, 15, QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a rig of check-long"]
async fn long_silent_connections_keep_nobody_out() {
    silent_connections(&[], 20, 100, LONG).await;
}

/// Attacks with `of_each` connections from each of several addresses, opened again whenever one is closed.
async fn silent_connections(settings: &[(&str, &str)], addresses: u8, of_each: usize, time: Duration) {
    let target = Target::start(settings).await;
    let mut attackers = JoinSet::new();
    for from in 1..=addresses {
        for number in 0..of_each {
            let to = target.address;
            attackers.spawn(async move {
                loop {
                    breath().await;
                    let Ok(mut stream) = connect(from, to).await else { continue };
                    if stream.write_all(BEGINNINGS[number % BEGINNINGS.len()]).await.is_ok() {
                        let _ = stream.read_to_end(&mut Vec::new()).await;
                    }
                }
            });
        }
    }
    target.withstands(attackers, time).await;
}

/// Opens a connection from one of this machine's loopback addresses.
pub(super) async fn connect(from: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, from], 0).into())?;
    socket.connect(to).await
}
