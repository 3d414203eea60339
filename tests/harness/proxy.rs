//! A TCP proxy that can be closed and opened, to simulate network failures, fail-overs and restarts.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// A proxy that forwards connections while it is open; closing it cuts all of them.
pub struct Proxy {
    address: SocketAddr,
    target: watch::Sender<String>,
    open: watch::Sender<bool>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Starts an open proxy to `target`.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, state) = watch::channel(true);
        let (target, goal) = watch::channel(target);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, goal.borrow().clone(), state.clone()));
            }
        });
        Self { address, target, open, _accepting: AbortOnDropHandle::new(accepting) }
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
    }

    /// Forwards new connections again.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn forward(mut client: TcpStream, target: String, mut open: watch::Receiver<bool>) {
    if !*open.borrow() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}
