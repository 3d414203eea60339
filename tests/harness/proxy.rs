//! A TCP proxy that can be closed and opened, to simulate network failures, fail-overs and restarts.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// A proxy that forwards connections while it is open; closing it cuts all of them.
pub struct Proxy {
    address: SocketAddr,
    target: watch::Sender<String>,
    open: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
    muted: watch::Sender<bool>,
    rate: watch::Sender<Option<u32>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Starts an open proxy to `target`.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, state) = watch::channel(true);
        let (target, goal) = watch::channel(target);
        let (muted, silence) = watch::channel(false);
        let (rate, pace) = watch::channel(None);
        let (cuts, cut) = watch::channel(0);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Of two states in quick succession a watch shows the last: so cuts are counted.
                let mut cut = cut.clone();
                cut.mark_unchanged();
                if *state.borrow() {
                    let server = goal.borrow().clone();
                    tokio::spawn(forward(client, server, cut, silence.clone(), pace.clone()));
                }
            }
        });
        Self { address, target, open, cuts, muted, rate, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forwards new connections to another target; open ones stay.
    pub fn redirect(&self, target: String) {
        self.target.send_replace(target);
    }

    /// Cuts every connection now, and each new one as soon as it comes.
    pub fn close(&self) {
        self.open.send_replace(false);
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Swallows from now on what servers say; what clients say arrives.
    pub fn mute(&self) {
        self.muted.send_replace(true);
    }

    /// Carries from now on so many bytes a second of what each client says, as a slow uplink does.
    pub fn throttle(&self, bytes_per_s: u32) {
        self.rate.send_replace(Some(bytes_per_s));
    }

    /// Forwards new connections again, in both directions.
    pub fn open(&self) {
        self.muted.send_replace(false);
        self.open.send_replace(true);
    }
}

async fn forward(
    mut client: TcpStream,
    target: String,
    mut cut: watch::Receiver<u64>,
    muted: watch::Receiver<bool>,
    rate: watch::Receiver<Option<u32>>,
) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let there = async {
        _ = carry(&mut from_client, &mut to_server, &rate).await;
        to_server.shutdown().await
    };
    let back = async {
        _ = speak(&mut from_server, &mut to_client, &muted).await;
        to_client.shutdown().await
    };
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        _ = cut.changed() => {}
    }
}

/// Copies what the client says, at its rate if it has one.
async fn carry(
    client: &mut (impl AsyncRead + Unpin),
    server: &mut (impl AsyncWrite + Unpin),
    rate: &watch::Receiver<Option<u32>>,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let rate = *rate.borrow();
        // A tenth of a second's bytes at a time, so that small frames do not wait long behind large ones.
        let most = rate.map_or(bytes.len(), |rate| (rate as usize / 10).clamp(1, bytes.len()));
        let count = client.read(&mut bytes[..most]).await?;
        if count == 0 {
            return Ok(());
        }
        if let Some(rate) = rate {
            // Time must pass: the connection is as slow as this.
            sleep(Duration::from_secs_f64(count as f64 / f64::from(rate))).await;
        }
        server.write_all(&bytes[..count]).await?;
    }
}

/// Copies what the server says, unless it is muted.
async fn speak(
    server: &mut (impl AsyncRead + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
    muted: &watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = server.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        if !*muted.borrow() {
            client.write_all(&bytes[..count]).await?;
        }
    }
}
