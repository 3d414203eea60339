//! The page `/metrics`: for this machine alone, unless the operator opens it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Metrics;
use crate::Supervisor;
use crate::door::{
    Calls, ConnectionLimits, Connections, Door, HttpLimits, Listener, Peer, TrustedProxies, bind, is_forwarded,
};

/// The path of the page.
pub const PATH: &str = "/metrics";
/// Media type of the text.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Connections of a listener that serves nothing else.
const CONNECTIONS_MAX: usize = 16;
const HEADER_BYTES_MAX: usize = 8 * 1024;
const TIME_MAX: Duration = Duration::from_secs(10);

/// The page of a part with a door of its own.
#[derive(Clone)]
pub struct MetricsPage(Metrics);

impl MetricsPage {
    /// Creates the page.
    pub fn new(metrics: &Metrics) -> Self {
        Self(metrics.clone())
    }

    /// Answers a request: with the metrics, or with 403 where the asking machine may not see them.
    pub async fn answer(self, request: Request) -> Response {
        let peer = request.extensions().get::<Peer>().copied();
        if !self.0.is_open() && !may_scrape(peer, request.headers()) {
            let words = "metrics are for this machine alone: scrape from here, or set `metrics.remote`\n";
            return (StatusCode::FORBIDDEN, words).into_response();
        }
        let text = self.0.scrape().await;
        ([(CONTENT_TYPE, TEXT), (CACHE_CONTROL, "no-store")], text.to_string()).into_response()
    }

    /// Returns the page as a route, for a router that has its state.
    pub fn route<S: Clone + Send + Sync + 'static>(self) -> axum::routing::MethodRouter<S> {
        get(move |request: Request| self.clone().answer(request))
    }
}

/// Returns true for a request of this machine. A proxy on this machine asks for somebody else, and says so.
pub fn may_scrape(peer: Option<Peer>, headers: &HeaderMap) -> bool {
    let is_here = peer.is_some_and(Peer::is_this_machine);
    is_here && !is_forwarded(headers) && !headers.contains_key(http::header::VIA)
}

/// Serves the page alone, for a part without a door, until `stop`; returns the address with the actual port.
///
/// # Errors
///
/// An address that cannot be listened on, or one of another network although only this machine may scrape.
pub fn serve(address: SocketAddr, tasks: &Supervisor, stop: &CancellationToken) -> io::Result<SocketAddr> {
    let metrics = tasks.metrics();
    if !metrics.is_open() && !address.ip().is_loopback() {
        let problem = format!("{address} is no address of this machine alone: set `metrics.remote` as well");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let listener = bind(address)?;
    let address = listener.local_addr()?;
    let limits = ConnectionLimits {
        connections_max: CONNECTIONS_MAX,
        connections_per_peer_max: CONNECTIONS_MAX,
        first_request_timeout: TIME_MAX,
        idle_timeout: Duration::from_secs(120),
    };
    let http = HttpLimits {
        has_http2: false,
        header_bytes_max: HEADER_BYTES_MAX,
        header_timeout: TIME_MAX,
        drain_timeout: TIME_MAX,
    };
    let (connections, proxies) = (Connections::new(limits), TrustedProxies::default());
    let door: Arc<Door> = Door::new(connections, proxies, http, tasks.notices().clone(), "metrics.remote");
    let router = Router::new().route(PATH, MetricsPage::new(metrics).route()).layer(Calls::new([]));
    door.open_at(Listener::Tcp(listener), None, router, stop.clone(), TaskTracker::new(), tasks);
    Ok(address)
}
