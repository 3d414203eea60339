//! Where the broker listens, and under which certificate.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::StartError;

/// Ports and sockets.
#[derive(Clone, Debug, Default)]
pub struct ListenConfig {
    /// The TCP address for gRPC and HTTP; port 0 takes a free one.
    pub address: Option<SocketAddr>,
    /// A Unix socket for gRPC and HTTP, readable by its owner only.
    pub socket: Option<PathBuf>,
    /// The certificate to serve TCP under.
    pub tls: Option<TlsConfig>,
    /// Serves TCP without TLS on addresses that other machines can reach.
    pub allow_plaintext: bool,
}

/// A certificate.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The certificate chain, a PEM file.
    pub certificate: PathBuf,
    /// Its secret key, a PEM file.
    pub key: PathBuf,
    /// If given, clients must show a certificate by one of these authorities, a PEM file.
    pub client_authorities: Option<PathBuf>,
}

impl ListenConfig {
    pub(super) fn check(&self) -> Result<(), StartError> {
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
