//! Settings of the connection to a broker.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::Address;
use crate::limits::CALL_TIMEOUT;

/// Settings of the connection to a broker: its address, proxy and TLS.
#[derive(Clone)]
pub struct ClientConfig {
    pub(crate) address: Address,
    pub(crate) proxy: Proxy,
    pub(crate) ca: Option<PemSource>,
    pub(crate) client_identity: Option<ClientIdentity>,
    pub(crate) allow_plaintext: bool,
    pub(crate) call_timeout: Duration,
}

/// The HTTP proxy (CONNECT) between a client and its broker. Connections within this machine never use a proxy.
#[derive(Clone, Default)]
pub enum Proxy {
    /// The proxy in `HTTPS_PROXY` (for https addresses), `HTTP_PROXY` (for http) or `ALL_PROXY`, unless `NO_PROXY`
    /// lists the host; in upper or lower case.
    #[default]
    Environment,
    /// No proxy.
    Direct,
    /// The proxy at `http://[USER:PASSWORD@]HOST:PORT`, or https, for every host.
    Url(String),
}

/// A client certificate for mutual TLS, and its secret key.
#[derive(Clone)]
pub(crate) struct ClientIdentity {
    pub(crate) certificate: PemSource,
    pub(crate) key: PemSource,
}

/// PEM text, or a file with it.
#[derive(Clone)]
pub(crate) enum PemSource {
    Text(Zeroizing<String>),
    File(PathBuf),
}

impl ClientConfig {
    /// Creates settings for a broker at this address; TLS trusts the system's certificate authorities.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            proxy: Proxy::default(),
            ca: None,
            client_identity: None,
            allow_plaintext: false,
            call_timeout: CALL_TIMEOUT,
        }
    }

    /// Sets the proxy; the environment's if not set.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// Trusts these certificate authorities, in PEM, instead of the system's. Also trusts a server whose certificate is
    /// exactly one of these, such as a self-signed one.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<String>) -> Self {
        self.ca = Some(PemSource::Text(Zeroizing::new(pem.into())));
        self
    }

    /// Does the same with a file, which is read again for each connection.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(PemSource::File(path.into()));
        self
    }

    /// Sets the client certificate for mutual TLS: its chain, and its secret key, both in PEM.
    #[must_use]
    pub fn client_identity(mut self, certificate_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        let text = |pem: String| PemSource::Text(Zeroizing::new(pem));
        let (certificate, key) = (text(certificate_pem.into()), text(key_pem.into()));
        self.client_identity = Some(ClientIdentity { certificate, key });
        self
    }

    /// Does the same with files, which are read again for each connection: a renewed certificate needs no restart.
    #[must_use]
    pub fn client_identity_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificate, key) = (PemSource::File(certificate.into()), PemSource::File(key.into()));
        self.client_identity = Some(ClientIdentity { certificate, key });
        self
    }

    /// Allows plain text to other machines. Signatures still protect the content from changes, but everybody on the
    /// network path can read it.
    #[must_use]
    pub fn allow_plaintext(mut self, allow: bool) -> Self {
        self.allow_plaintext = allow;
        self
    }

    /// Sets the time-out of a call, including connecting; 15 seconds if not set. A claim's wait is added to it, and to
    /// that of a submit the time in which a slow connection carries it.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Returns the broker's address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns `true` if certificates are in files, which may change.
    pub(crate) fn has_tls_files(&self) -> bool {
        let sources = self.client_identity.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        self.ca.iter().chain(sources).any(|source| matches!(source, PemSource::File(_)))
    }
}

impl fmt::Debug for ClientConfig {
    /// Prints no certificates and no secret key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("address", &self.address)
            .field("proxy", &self.proxy)
            .field("own_ca", &self.ca.is_some())
            .field("mutual_tls", &self.client_identity.is_some())
            .field("allow_plaintext", &self.allow_plaintext)
            .field("call_timeout", &self.call_timeout)
            .finish()
    }
}

impl fmt::Debug for Proxy {
    /// Prints no address, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Direct => "Direct",
            Self::Url(_) => "Url(hidden)",
        })
    }
}
