//! Addresses, sockets and certificates of the broker.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use apiary_daemon::door::TrustedProxies;

use crate::StartError;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_PEER_MAX, FIRST_REQUEST_TIME_MAX, IDLE_TIME_MAX};

/// The addresses and sockets to listen on.
#[derive(Clone, Debug, Default)]
pub struct ListenConfig {
    /// The TCP address for gRPC and HTTP; port 0 takes a free one.
    pub address: Option<SocketAddr>,
    /// A Unix socket for gRPC and HTTP, readable by its owner only.
    pub socket: Option<PathBuf>,
    /// The certificate to serve TCP under.
    pub tls: Option<TlsConfig>,
    /// True to serve TCP without TLS even on addresses that other machines can reach.
    pub allow_plaintext: bool,
    /// Bounds on connections.
    pub door: DoorConfig,
}

/// Bounds on connections.
#[derive(Clone, Debug)]
pub struct DoorConfig {
    /// Connections at the same time: 16 to 100,000.
    pub connections_max: usize,
    /// Connections of strangers from one address at the same time: 1 to 100,000.
    pub connections_per_peer_max: usize,
    /// Longest time that a connection may take until its first request.
    pub first_request_timeout: Duration,
    /// Longest time that a connection may be without a request.
    pub idle_timeout: Duration,
    /// The proxies whose word about the client's address is trusted.
    pub trusted_proxies: TrustedProxies,
}

impl Default for DoorConfig {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            connections_per_peer_max: CONNECTIONS_PER_PEER_MAX,
            first_request_timeout: FIRST_REQUEST_TIME_MAX,
            idle_timeout: IDLE_TIME_MAX,
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

impl DoorConfig {
    fn check(&self) -> Result<(), StartError> {
        let wrong = |setting, problem: &str| Err(StartError::Setting { setting, problem: problem.to_owned() });
        if !(16..=100_000).contains(&self.connections_max) {
            return wrong("broker.connections_max", "is 16 to 100000: say 1024");
        }
        if !(1..=100_000).contains(&self.connections_per_peer_max) {
            return wrong("broker.connections_per_peer_max", "is 1 to 100000: say 256");
        }
        Ok(())
    }
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The certificate chain, a PEM file.
    pub certificate: PathBuf,
    /// The certificate's secret key, a PEM file.
    pub key: PathBuf,
    /// If given, clients must show a certificate of one of these authorities, a PEM file.
    pub client_authorities: Option<PathBuf>,
}

impl ListenConfig {
    pub(super) fn check(&self) -> Result<(), StartError> {
        self.door.check()?;
        let setting = "broker.listen";
        let Some(address) = self.address else {
            return match self.socket {
                Some(_) => Ok(()),
                None => Err(StartError::Setting {
                    setting,
                    problem: "neither an address nor a socket is given: set one, for example 127.0.0.1:7420".into(),
                }),
            };
        };
        if address.ip().is_loopback() || self.tls.is_some() || self.allow_plaintext {
            return Ok(());
        }
        Err(StartError::Setting {
            setting,
            problem: format!(
                "{address} can be reached from other machines without TLS: set `broker.tls_certificate` and \
                 `broker.tls_key`, or, behind a proxy that does TLS, `broker.allow_plaintext = true`"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(address: &str, allow_plaintext: bool) -> ListenConfig {
        ListenConfig { address: address.parse().ok(), allow_plaintext, ..ListenConfig::default() }
    }

    #[test]
    fn plain_text_is_for_loopback_unless_said_otherwise() {
        assert!(listen("127.0.0.1:0", false).check().is_ok());
        assert!(listen("[::1]:0", false).check().is_ok());
        assert!(listen("0.0.0.0:0", true).check().is_ok());
        for address in ["0.0.0.0:0", "10.0.0.1:1", "[::]:0"] {
            let error = listen(address, false).check().expect_err(address).to_string();
            assert!(error.contains("broker.tls_certificate"), "{error}");
        }
    }

    #[test]
    fn listening_nowhere_is_refused() {
        assert!(ListenConfig::default().check().is_err());
    }
}
