//! How to reach a broker.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::Address;
use crate::limits::CALL_TIMEOUT;

/// How to reach a broker: its address, the way there, and what TLS needs.
#[derive(Clone)]
pub struct ClientConfig {
    pub(crate) address: Address,
    pub(crate) proxy: Proxy,
    pub(crate) ca: Option<PemSource>,
    pub(crate) client_identity: Option<ClientIdentity>,
    pub(crate) allow_plaintext: bool,
    pub(crate) call_timeout: Duration,
}

/// The HTTP proxy (CONNECT) between a client and its broker. What stays on this machine goes through none.
#[derive(Clone, Default)]
pub enum Proxy {
    /// The one that `HTTPS_PROXY` (for https addresses), `HTTP_PROXY` (for http) or `ALL_PROXY` names, unless `NO_PROXY`
    /// lists the host; in capitals or not.
    #[default]
    Environment,
    /// None.
    Direct,
    /// The one at `http://[USER:PASSWORD@]HOST:PORT`, or https, for every host.
    Url(String),
}

/// A certificate that mutual TLS shows to the broker, and its secret key.
#[derive(Clone)]
pub(crate) struct ClientIdentity {
    pub(crate) certificate: PemSource,
    pub(crate) key: PemSource,
}

/// PEM, or a file that holds it.
#[derive(Clone)]
pub(crate) enum PemSource {
    Text(Zeroizing<String>),
    File(PathBuf),
}

impl ClientConfig {
    /// A broker at this address; TLS trusts the system's certificate authorities.
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

    /// Chooses the proxy; the environment's if not set.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// Trusts these certificate authorities, in PEM, instead of the system's. Besides them, a server is believed that
    /// shows exactly one of these certificates, such as a self-signed one.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<String>) -> Self {
        self.ca = Some(PemSource::Text(Zeroizing::new(pem.into())));
        self
    }

    /// Does the same with a file, which is read anew for each connection.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(PemSource::File(path.into()));
        self
    }

    /// Shows this certificate to the broker (mutual TLS): its chain, and its secret key, both in PEM.
    #[must_use]
    pub fn client_identity(mut self, certificate_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        let text = |pem: String| PemSource::Text(Zeroizing::new(pem));
        let (certificate, key) = (text(certificate_pem.into()), text(key_pem.into()));
        self.client_identity = Some(ClientIdentity { certificate, key });
        self
    }

    /// Does the same with files, which are read anew for each connection: a renewed certificate needs no restart.
    #[must_use]
    pub fn client_identity_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificate, key) = (PemSource::File(certificate.into()), PemSource::File(key.into()));
        self.client_identity = Some(ClientIdentity { certificate, key });
        self
    }

    /// Lets plain text leave this machine. Signatures still hold, but everybody on the way can read.
    #[must_use]
    pub fn allow_plaintext(mut self, allow: bool) -> Self {
        self.allow_plaintext = allow;
        self
    }

    /// Sets how long one call may take, connecting included; 15 seconds if not set. A claim's wait comes on top.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Returns the broker's address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether a part of it is in files, which may change.
    pub(crate) fn has_tls_files(&self) -> bool {
        let sources = self.client_identity.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        self.ca.iter().chain(sources).any(|source| matches!(source, PemSource::File(_)))
    }
}

impl fmt::Debug for ClientConfig {
    /// Without the secret key.
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
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Direct => "Direct",
            Self::Url(_) => "Url(hidden)",
        })
    }
}
