//! A way to a server that can be closed and opened: what a network, a fail-over or a restart looks like from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Forwards connections while it is open; closing it cuts all of them.
pub struct Proxy {
    address: SocketAddr,
    target: watch::Sender<String>,
    open: watch::Sender<bool>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    /// An open way to `target`.
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

    /// Where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections elsewhere; those that are open stay where they are.
    pub fn redirect(&self, target: String) {
        self.target.send_replace(target);
    }

    /// Cuts every connection, and every new one at once.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// Lets new connections through.
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
