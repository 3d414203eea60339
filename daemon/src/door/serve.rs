//! The door's server: accepts connections and serves their requests, each within its time limits.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse as _;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use super::connections::ConnectionSlot;
use super::limits::{
    ACCEPT_QUEUE_MAX, CLOSE_TIME_MAX, CONNECTION_WINDOW_BYTES, HEADERS_MAX, HTTP1_BUFFER_BYTES_MIN, KEEPALIVE,
    PAUSE_AFTER_ACCEPT_ERROR, PAUSE_AFTER_EARLY_CUT, REFUSALS_LOGGED_EVERY, RESET_STREAMS_MAX, SEND_BUFFER_BYTES_MAX,
    STREAM_WINDOW_BYTES, STREAMS_PER_CONNECTION_MAX,
};
use super::pace::{Turns, YieldingStream};
use super::peer::is_forwarded;
use super::requests::{RequestRoom, Requests};
use super::{Connections, Peer, RequestId, TrustedProxies, proxy_protocol};
use crate::{Notices, Supervisor};

/// A byte stream in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// Any byte stream in both directions.
pub type Stream = Box<dyn Duplex>;
/// Wraps a connection's byte stream, as TLS does.
pub type Handshake = Arc<dyn Fn(Stream) -> BoxFuture<'static, io::Result<Stream>> + Send + Sync>;

/// Bounds on the protocol.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// `true` for HTTP/1.1 and HTTP/2, `false` for HTTP/1.1 only.
    pub has_http2: bool,
    /// Maximum size of a request's headers, in bytes.
    pub header_bytes_max: usize,
    /// Longest time for the head of an HTTP/1 request, and longest idle time of such a connection.
    pub header_timeout: Duration,
    /// Longest time for requests in progress after the stop began.
    pub drain_timeout: Duration,
}

/// A door: the state shared by its listeners.
pub struct Door {
    connections: Arc<Connections>,
    requests: Arc<Requests>,
    proxies: TrustedProxies,
    http: HttpLimits,
    notices: Notices,
    setting: &'static str,
}

/// A source of connections.
pub enum Listener {
    /// A port.
    Tcp(TcpListener),
    /// A Unix socket that only its owner may open.
    Unix(UnixListener),
}

/// A newly accepted connection.
struct Arrival {
    stream: Stream,
    peer: Peer,
    /// `true` for a Unix socket or a trusted proxy: not a stranger.
    is_known: bool,
    /// `true` for a trusted proxy, whose PROXY header names the client.
    is_proxy: bool,
}

/// Opens a port.
///
/// # Errors
///
/// The system's error.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Without it, the port of a process that has just ended stays busy for a minute (TIME_WAIT).
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_QUEUE_MAX)
}

impl Door {
    /// Creates a door. `setting` is the name of the setting with the trusted proxies, for advice in notices.
    pub fn new(
        connections: Connections,
        proxies: TrustedProxies,
        http: HttpLimits,
        notices: Notices,
        setting: &'static str,
    ) -> Arc<Self> {
        let (connections, requests) = (Arc::new(connections), Arc::default());
        Arc::new(Self { connections, requests, proxies, http, notices, setting })
    }

    /// Returns the number of open connections.
    pub fn connections(&self) -> usize {
        self.connections.count()
    }

    /// Serves a listener until `stop`, in a task of `tasks`. Each connection is a task of `connections`.
    pub fn open_at(
        self: Arc<Self>,
        listener: Listener,
        handshake: Option<Handshake>,
        router: Router,
        stop: CancellationToken,
        connections: TaskTracker,
        tasks: &Supervisor,
    ) {
        let ended = stop.clone();
        tasks.spawn("door", ended, (self, listener), move |(door, listener)| {
            let (handshake, router) = (handshake.clone(), router.clone());
            Box::pin(door.serve(listener, handshake, router, stop.clone(), connections.clone()))
        });
    }

    async fn serve(
        self: &Arc<Self>,
        listener: &Listener,
        handshake: Option<Handshake>,
        router: Router,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) {
        let mut report = interval(REFUSALS_LOGGED_EVERY);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = report.tick() => {
                    self.report_refusals();
                    continue;
                }
                accepted = self.accept(listener) => accepted,
            };
            match accepted {
                Ok(arrival) => {
                    let serving = self.clone().connection(arrival, handshake.clone(), router.clone(), stop.clone());
                    tasks.spawn(serving);
                    // Connections come faster than they can prove themselves. Accepting more slowly leaves the rest in
                    // the system's queue, where they cost no memory here.
                    if self.connections.take_haste() {
                        sleep(PAUSE_AFTER_EARLY_CUT).await;
                    }
                }
                Err(error) => {
                    // The connection is gone again, or there are no descriptors left. Neither is a reason to stop.
                    // Without descriptors the next accept would fail at once, hence the pause.
                    tracing::debug!(%error, "a connection could not be accepted");
                    self.notices.raise(
                        "CONNECTION_NOT_ACCEPTED",
                        "",
                        format!(
                            "a connection could not be accepted: {error}; raise the limit of open files (ulimit -n)"
                        ),
                    );
                    sleep(PAUSE_AFTER_ACCEPT_ERROR).await;
                }
            }
        }
    }

    async fn accept(&self, listener: &Listener) -> io::Result<Arrival> {
        match listener {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let (peer, is_proxy) = (Peer::of(address.ip()), self.proxies.contains(address.ip()));
                Ok(Arrival { stream: Box::new(stream), peer, is_known: is_proxy, is_proxy })
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Arrival { stream: Box::new(stream), peer: Peer::Local, is_known: true, is_proxy: false })
            }
        }
    }

    fn report_refusals(&self) {
        const KIND: &str = "CONNECTIONS_FULL";
        let refusals = self.connections.take_refusals();
        if refusals == super::connections::Refusals::default() {
            self.notices.resolve(KIND, "");
            return;
        }
        let words = format!(
            "there was no room for more connections: {} gave way and {} were refused within {} s; find out who opens so many, or \
             raise the setting `connections_max`",
            refusals.gave_way,
            refusals.refused,
            REFUSALS_LOGGED_EVERY.as_secs()
        );
        self.notices.raise(KIND, "", words);
    }

    async fn connection(
        self: Arc<Self>,
        arrival: Arrival,
        handshake: Option<Handshake>,
        router: Router,
        stop: CancellationToken,
    ) {
        let limits = self.connections.limits();
        // Only a proxy's header can be late here. Until it is read, the connection has no peer and is not counted.
        let opened = timeout(limits.first_request_timeout, self.open(arrival)).await;
        let (room, stream) = match opened {
            Ok(Ok(Some(opened))) => opened,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return tracing::debug!(%error, "a connection from a trusted proxy was not opened"),
            Err(_) => return tracing::debug!("a trusted proxy sent nothing in time"),
        };
        let connection = room.connection().clone();
        let served = async {
            let stream = match handshake {
                Some(handshake) => handshake(stream).await?,
                None => stream,
            };
            self.serve_stream(stream, &room, router, &stop).await
        };
        let served = async {
            tokio::select! {
                served = served => served,
                // Dropping the future closes the socket at once. A graceful end would keep the memory that others need.
                () = connection.cut() => Ok(()),
            }
        };
        let turns = Turns::new(connection.clone(), self.requests.clone());
        let served = turns.take(served).await;
        if let Err(error) = served {
            tracing::debug!(%error, peer = %connection.peer(), "a connection broke");
        }
    }

    /// Determines the connection's peer, and makes room for it.
    async fn open(&self, arrival: Arrival) -> io::Result<Option<(ConnectionSlot, Stream)>> {
        let Arrival { mut stream, mut peer, mut is_known, is_proxy } = arrival;
        if is_proxy {
            let opening = proxy_protocol::read(&mut stream).await?;
            if let Some(address) = opening.address {
                // The proxy is trusted, the client behind it is not.
                (peer, is_known) = (Peer::of(address), false);
            }
            // The bytes read in search of a PROXY header come first again.
            let (reader, writer) = tokio::io::split(stream);
            stream = Box::new(tokio::io::join(io::Cursor::new(opening.rest).chain(reader), writer));
        }
        Ok(self.connections.open(peer, is_known).map(|room| (room, stream)))
    }

    async fn serve_stream(
        &self,
        stream: Stream,
        room: &ConnectionSlot,
        router: Router,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let connection = room.connection();
        let service = service_fn(|mut request: Request<Incoming>| {
            let open = connection.begin();
            let peer = self.peer_of(connection, &request);
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(connection.clone());
            let id = RequestId::of(request.headers());
            request.extensions_mut().insert(id.clone());
            let admitted = self.admit(connection, peer, &mut request);
            let answer = admitted.map(|room| (router.clone().call(request), room));
            let (connection, notices, setting) = (connection.clone(), self.notices.clone(), self.setting);
            async move {
                if let Ok((_, Some(room))) = &answer {
                    room.start();
                }
                let (mut answer, room) = match answer {
                    Ok((answer, room)) => (answer.await?, room),
                    Err((status, room)) => (status.into_response(), room.map(Arc::new)),
                };
                id.put_into(answer.headers_mut());
                if connection.is_forwarded_for_somebody_known() {
                    notices.raise(
                        "PROXY_NOT_TRUSTED",
                        connection.peer().to_string(),
                        not_trusted(connection.peer(), setting),
                    );
                }
                // The request is open until its answer is sent. This closure keeps the guards alive for as long as the
                // body's frames are sent.
                Ok::<_, Infallible>(answer.map(|body| {
                    body.map_frame(move |frame| {
                        let _open = (&open, &room);
                        frame
                    })
                }))
            }
        });
        let builder = self.builder();
        let mut serving = pin!(builder.serve_connection(TokioIo::new(YieldingStream::new(stream)), service));
        let ended = tokio::select! {
            ended = serving.as_mut() => return ended.map_err(io::Error::other),
            () = stop.cancelled() => self.http.drain_timeout,
            () = connection.silence(self.connections.limits()) => CLOSE_TIME_MAX,
        };
        serving.as_mut().graceful_shutdown();
        // A client that does not read its answers, or never ends its requests, is closed after this time.
        timeout(ended, serving).await.unwrap_or(Ok(())).map_err(io::Error::other)
    }

    /// Checks the size of a request's headers, before any other work for it. Returns its reservation, or `None` for a
    /// known client, who needs none.
    fn admit(
        &self,
        connection: &Arc<super::Connection>,
        peer: Peer,
        request: &mut Request<Incoming>,
    ) -> Result<Option<Arc<RequestRoom>>, (StatusCode, Option<RequestRoom>)> {
        let bytes = header_bytes(request.headers());
        if bytes > self.http.header_bytes_max {
            return Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, None));
        }
        if connection.is_known() {
            return Ok(None);
        }
        let room = self.requests.begin(connection, peer, bytes).map_err(|refused| {
            connection.note_refusal();
            (StatusCode::SERVICE_UNAVAILABLE, Some(refused))
        })?;
        let room = Arc::new(room);
        request.extensions_mut().insert(room.clone());
        Ok(Some(room))
    }

    /// Returns the peer of a request: on a trusted proxy's connection, the client that the proxy names.
    fn peer_of(&self, connection: &super::Connection, request: &Request<Incoming>) -> Peer {
        let peer = connection.peer();
        let headers = request.headers();
        if !is_forwarded(headers) {
            return peer;
        }
        match peer {
            Peer::Address(address) if self.proxies.contains(address) => {
                self.proxies.forwarded_for(headers).map_or(peer, Peer::of)
            }
            Peer::Address(_) => {
                // The header is ignored, and if the client turns out to be known, the operator learns that a proxy is
                // missing from the setting.
                connection.note_forwarding();
                peer
            }
            Peer::Local => peer,
        }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.http.header_timeout)
            .max_buf_size(self.http.header_bytes_max.max(HTTP1_BUFFER_BYTES_MIN))
            .max_headers(HEADERS_MAX);
        if !self.http.has_http2 {
            return builder.http1_only();
        }
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES_MAX)
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .max_header_list_size(u32::try_from(self.http.header_bytes_max).unwrap_or(u32::MAX))
            .keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE);
        builder
    }
}

/// Returns the bytes of a request's headers, in HTTP/1's form.
fn header_bytes(headers: &HeaderMap) -> usize {
    const AROUND: usize = ": \r\n".len();
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + AROUND).sum()
}

fn not_trusted(peer: Peer, setting: &str) -> String {
    format!(
        "requests from {peer} say that they are forwarded, and {peer} is not a trusted proxy: all clients behind it count as one; \
         if it is your proxy, add it to `{setting}`"
    )
}
