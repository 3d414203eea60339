//! Dialer: TCP, through a proxy if there is one, with TLS for https addresses. The text of each failure is kept,
//! because the layers above reduce it to "transport error".

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use apiary_identity::Clock;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tower::ServiceExt as _;

use super::proxy::Hop;
use super::tls::{NO_HTTP2, Tls, WANTED};
use crate::limits::CONNECT_TIMEOUT;
use crate::{Address, ClientConfig, ClientError};

/// The reason of a failure to connect, with advice.
#[derive(Clone, Debug)]
pub(super) struct Fault(String);

impl Fault {
    pub(super) fn new(words: String) -> Self {
        Self(words)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// The last failure to connect, until a broker answers.
#[derive(Clone, Default)]
pub(crate) struct Diagnosis(Arc<Mutex<Option<Fault>>>);

impl Diagnosis {
    /// Returns the reason of the last failure; `None` if it is unknown, or there is a connection.
    pub(crate) fn words(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ToString::to_string)
    }

    fn set(&self, fault: Option<Fault>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// Opens connections to one broker.
#[derive(Clone)]
pub(super) struct Dialer {
    /// The broker as `HOST:PORT`.
    authority: String,
    host: String,
    tcp: HttpConnector,
    hop: Option<Hop>,
    /// TLS to the proxy itself, for one at an https address.
    hop_tls: Option<Arc<Tls>>,
    tls: Option<Arc<Tls>>,
    diagnosis: Diagnosis,
}

/// A byte stream in both directions.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Dialer {
    /// Reads the certificates and chooses the proxy; does not connect yet.
    pub(super) fn new(
        config: &ClientConfig,
        clock: &Arc<dyn Clock>,
        diagnosis: Diagnosis,
    ) -> Result<Self, ClientError> {
        let address = &config.address;
        let (Address::Https { host, .. } | Address::Http { host, .. }) = address else {
            return Err(ClientError::Invalid(format!("{address}: not an address of a network")));
        };
        let invalid = |error| ClientError::Invalid(format!("{address}: {error}"));
        let hop = Hop::choose(&config.proxy, address, |name| std::env::var(name).ok())?;
        let hop_is_tls = hop.as_ref().is_some_and(|hop| hop.uri.scheme_str() == Some("https"));
        // The broker's private authority and the client certificate are not for the proxy: it is checked by the
        // system's list.
        let by_system = ClientConfig::new(address.clone());
        let hop_tls =
            if hop_is_tls { Some(Arc::new(Tls::new(&by_system, None, clock).map_err(invalid)?)) } else { None };
        let is_tls = matches!(address, Address::Https { .. });
        let tls = if is_tls { Some(Arc::new(Tls::new(config, Some(b"h2"), clock).map_err(invalid)?)) } else { None };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let authority = address.to_string().split("://").nth(1).unwrap_or_default().to_owned();
        Ok(Self { authority, host: host.clone(), tcp, hop, hop_tls, tls, diagnosis })
    }

    /// Returns the broker as `HOST:PORT`.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Connects. The reason of a failure is kept until a broker answers.
    pub(super) async fn connect(self) -> Result<TokioIo<Wire>, Error> {
        self.diagnosis.set(None);
        let made = self.stream().await;
        if let Err(error) = &made
            && let Some(fault) = error.downcast_ref::<Fault>()
        {
            self.diagnosis.set(Some(fault.clone()));
        }
        let wire = Wire {
            stream: made?,
            first: Vec::new(),
            is_answered: false,
            tls: self.tls.clone(),
            host: self.host,
            diagnosis: self.diagnosis,
        };
        Ok(TokioIo::new(wire))
    }

    async fn stream(&self) -> Result<Box<dyn Duplex>, Error> {
        let way: Box<dyn Duplex> = match &self.hop {
            None => self.tcp(&format!("http://{}", self.authority)).await?,
            Some(hop) => self.through(hop).await?,
        };
        match &self.tls {
            None => Ok(way),
            Some(tls) => secured(tls, way, &self.host).await,
        }
    }

    async fn tcp(&self, uri: &str) -> Result<Box<dyn Duplex>, Error> {
        let stream = self.tcp.clone().oneshot(uri.parse::<Uri>()?).await?;
        Ok(Box::new(stream.into_inner()))
    }

    async fn through(&self, hop: &Hop) -> Result<Box<dyn Duplex>, Error> {
        let is_tls = self.hop_tls.is_some();
        let host = hop.uri.host().unwrap_or_default();
        let port = hop.uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let unreachable = |error: Error| {
            let causes = std::iter::successors(error.source(), |cause| cause.source());
            let words = causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"));
            let problem = format!("cannot be reached ({words})");
            Error::from(hop.fault(&problem, "check that it runs, or set `broker.proxy` to `none` to go without it"))
        };
        let mut way = self.tcp(&format!("http://{host}:{port}")).await.map_err(unreachable)?;
        if let Some(tls) = &self.hop_tls {
            way = secured(tls, way, host).await.map_err(unreachable)?;
        }
        let tunnel = tokio::time::timeout(CONNECT_TIMEOUT, hop.tunnel(&mut way, &self.authority)).await;
        let late = |_| hop.fault("does not answer", "check that it is an HTTP proxy that allows CONNECT");
        tunnel.map_err(late)??;
        Ok(way)
    }
}

/// The error type that the layers above require.
pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

async fn secured(tls: &Tls, way: Box<dyn Duplex>, host: &str) -> Result<Box<dyn Duplex>, Error> {
    let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned())?;
    let handshake = TlsConnector::from(tls.current()).connect(name, way);
    let stream = match tokio::time::timeout(CONNECT_TIMEOUT, handshake).await {
        Err(_) => {
            let words = "it does not answer a TLS handshake; check that this port speaks TLS";
            return Err(Fault::new(words.to_owned()).into());
        }
        Ok(Err(error)) => return Err(tls.explain(&error, host).map_or_else(|| error.into(), Error::from)),
        Ok(Ok(stream)) => stream,
    };
    // A web server on this port finishes the handshake without ALPN, and would fail later with an unclear error.
    if tls.protocol().is_some() && stream.get_ref().1.alpn_protocol() != tls.protocol() {
        return Err(Fault::new(NO_HTTP2.to_owned()).into());
    }
    Ok(Box::new(stream))
}

/// A connection whose first bytes are examined. A server that speaks another protocol, or requires a client
/// certificate, answers in a way that the layers above do not recognise.
pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    /// The first bytes of the answer, at most five, until they are identified.
    first: Vec<u8>,
    is_answered: bool,
    tls: Option<Arc<Tls>>,
    host: String,
    diagnosis: Diagnosis,
}

/// The first bytes of a TLS alert record (RFC 8446, section 5.1).
const TLS_ALERT: &[u8] = &[0x15, 0x03];

impl Wire {
    fn look(&mut self, read: io::Result<&[u8]>) -> io::Result<()> {
        let fault = match read {
            // In TLS 1.3 the client finishes its handshake before the server checks the client's certificate. A refusal
            // comes only now, and often as a bare end of the stream.
            Ok([]) if self.first.is_empty() && self.tls.is_some() => {
                Fault::new(format!("it closed the connection right after the TLS handshake; perhaps {WANTED}"))
            }
            Ok([]) => return Ok(()),
            Ok(bytes) => {
                self.first.extend(bytes.iter().take(5 - self.first.len().min(5)));
                if self.tls.is_none() && TLS_ALERT.starts_with(&self.first[..self.first.len().min(TLS_ALERT.len())]) {
                    if self.first.len() < TLS_ALERT.len() {
                        return Ok(());
                    }
                    let words = "it speaks TLS on this port, and this side plain text; write https:// in the address";
                    Fault::new(words.to_owned())
                } else if self.first.starts_with(b"HTTP/") {
                    Fault::new(format!("it answers in HTTP/1: {NO_HTTP2}"))
                } else {
                    // Five bytes are enough to rule out `HTTP/` and an alert, which both may arrive in parts.
                    if self.first.len() == 5 {
                        self.is_answered = true;
                        self.diagnosis.set(None);
                    }
                    return Ok(());
                }
            }
            Err(error) => match self.tls.as_ref().and_then(|tls| tls.explain(&error, &self.host)) {
                Some(fault) => fault,
                None if self.tls.is_some() && self.first.is_empty() => {
                    Fault::new(format!("it broke the connection right after the TLS handshake; perhaps {WANTED}"))
                }
                None => return Err(error),
            },
        };
        self.is_answered = true;
        self.diagnosis.set(Some(fault.clone()));
        Err(io::Error::new(io::ErrorKind::InvalidData, fault))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if self.is_answered {
            return Poll::Ready(read);
        }
        Poll::Ready(self.look(read.map(|()| buffer.filled().get(before..).unwrap_or_default())))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
