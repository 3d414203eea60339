//! Opens the port, and bounds its connections.

use std::net::SocketAddr;
use std::sync::Arc;

use apiary_daemon::Notices;
use apiary_daemon::door::{ConnectionLimits, Connections, Door, HttpLimits, TrustedProxies};
use tokio::net::TcpListener;

use crate::limits::IDLE_TIME_MAX;
use crate::{StartError, WebhookLimits};

/// Opens the port.
pub(crate) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let error = |source| StartError::Listen { address, source };
    let listener = apiary_daemon::door::bind(address).map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

/// Creates the door for connections within these bounds: plain HTTP/1.1, because the proxy in front speaks TLS with the
/// senders.
pub(crate) fn door(limits: &WebhookLimits, proxies: TrustedProxies, notices: Notices) -> Arc<Door> {
    let connections = Connections::new(ConnectionLimits {
        connections_max: limits.connections_max,
        connections_per_peer_max: limits.connections_per_peer_max,
        first_request_timeout: limits.header_timeout,
        idle_timeout: IDLE_TIME_MAX,
    });
    let http = HttpLimits {
        has_http2: false,
        header_bytes_max: limits.header_bytes_max,
        header_timeout: limits.header_timeout,
        drain_timeout: limits.drain_timeout,
    };
    Door::new(connections, proxies, http, notices, "webhook.trusted_proxies")
}
