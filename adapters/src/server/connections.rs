//! Taking connections, as many as there is room for, each within its time.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::{ACCEPT_PAUSE, CONNECTION_AGE_MAX, HEADERS_MAX};
use crate::{StartError, WebhookLimits};

/// Opens the port.
pub(crate) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let error = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

/// Takes connections until `stop`; each becomes a task of `tasks` and ends within `drain_timeout` after that.
///
/// axum's own `serve` knows no time limits: with it, clients that send nothing would hold their connections for ever.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: WebhookLimits,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let accept = async {
        loop {
            // First the place, then the connection: those that find none wait in the system's queue.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // A connection that is gone again, or no descriptor left: neither is a reason to stop.
                    tracing::warn!(%error, "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (router, limits, stop) = (router.clone(), limits.clone(), stop.clone());
            tasks.spawn(async move {
                connection(stream, router, limits, stop).await;
                drop(place);
            });
        }
    };
    stop.run_until_cancelled(accept).await;
}

async fn connection(stream: TcpStream, router: Router, limits: WebhookLimits, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone at once");
        return;
    }
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(limits.header_bytes_max)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = async { tokio::select! { () = stop.cancelled() => {}, () = sleep(CONNECTION_AGE_MAX) => {} } } => {
            serving.as_mut().graceful_shutdown();
            // Whoever reads no answers, or does not come to an end, is cut: what was not answered is sent again.
            timeout(limits.drain_timeout, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke");
    }
}
