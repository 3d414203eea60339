//! Handshakes, each with the certificate that is in effect when it begins.

use std::sync::Arc;

use apiary_daemon::door::{Handshake, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::Tls;
use crate::limits::{HANDSHAKE_TIME_MAX, LINGER_BYTES_MAX, LINGER_TIME_MAX};

impl Tls {
    /// Returns the function that performs each connection's handshake.
    pub(crate) fn handshake(self: &Arc<Self>) -> Handshake {
        let tls = Arc::clone(self);
        Arc::new(move |stream: Stream| {
            let acceptor = TlsAcceptor::from(tls.current());
            Box::pin(async move {
                match timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream).into_fallible()).await? {
                    Ok(accepted) => Ok(Box::new(accepted) as Stream),
                    Err((error, stream)) => {
                        let _ = timeout(LINGER_TIME_MAX, linger(stream)).await;
                        Err(error)
                    }
                }
            })
        })
    }
}

/// Lets the client read the reason for the rejection: a connection that is closed while there is something to read from it is reset,
/// and data sent before is lost.
async fn linger(mut stream: Stream) {
    let _ = stream.shutdown().await;
    let _ = tokio::io::copy(&mut stream.take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await;
}
