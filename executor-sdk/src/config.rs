//! How to reach a broker.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::Address;
use crate::limits::CALL_TIMEOUT;

/// How to reach a broker: its address, and what TLS needs.
#[derive(Clone)]
pub struct ClientConfig {
    pub(crate) address: Address,
    pub(crate) ca_pem: Option<String>,
    pub(crate) client_identity: Option<ClientIdentity>,
    pub(crate) allow_plaintext: bool,
    pub(crate) call_timeout: Duration,
}

/// What mutual TLS shows to the broker.
#[derive(Clone)]
pub(crate) struct ClientIdentity {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: Zeroizing<String>,
}

impl ClientConfig {
    /// A broker at this address; TLS trusts the system's certificate authorities.
    pub fn new(address: Address) -> Self {
        Self { address, ca_pem: None, client_identity: None, allow_plaintext: false, call_timeout: CALL_TIMEOUT }
    }

    /// Trusts these certificate authorities, in PEM, instead of the system's.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<String>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// Shows this certificate to the broker (mutual TLS): its chain, and its secret key, both in PEM.
    #[must_use]
    pub fn client_identity(mut self, certificate_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        let (certificate_pem, key_pem) = (certificate_pem.into(), Zeroizing::new(key_pem.into()));
        self.client_identity = Some(ClientIdentity { certificate_pem, key_pem });
        self
    }

    /// Lets plain text leave this machine. Signatures still hold, but everybody on the way can read.
    #[must_use]
    pub fn allow_plaintext(mut self, allow: bool) -> Self {
        self.allow_plaintext = allow;
        self
    }

    /// How long one call may take, connecting included; 15 seconds if not set. A claim's wait comes on top.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Where the broker is.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl fmt::Debug for ClientConfig {
    /// Without the secret key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("address", &self.address)
            .field("own_ca", &self.ca_pem.is_some())
            .field("mutual_tls", &self.client_identity.is_some())
            .field("allow_plaintext", &self.allow_plaintext)
            .field("call_timeout", &self.call_timeout)
            .finish()
    }
}
