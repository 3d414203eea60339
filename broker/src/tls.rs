//! TLS for the TCP port: the certificate and its key, read and checked, and the handshake.

use std::path::Path;
use std::sync::Arc;

use apiary_daemon::door::{Handshake, Stream};
use apiary_identity::read_secret_file;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::StartError;
use crate::config::TlsConfig;
use crate::limits::{HANDSHAKE_TIME_MAX, TLS_KEY_BYTES_MAX};

/// What clients and broker agree to speak, in the broker's order.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Reads certificate, key and authorities, and returns the handshake that uses them.
pub(crate) fn handshake(tls: &TlsConfig) -> Result<Handshake, StartError> {
    let acceptor = TlsAcceptor::from(Arc::new(server_config(tls)?));
    Ok(Arc::new(move |stream: Stream| {
        let acceptor = acceptor.clone();
        Box::pin(async move {
            let accepted = tokio::time::timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream)).await??;
            Ok(Box::new(accepted) as Stream)
        })
    }))
}

fn server_config(tls: &TlsConfig) -> Result<ServerConfig, StartError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let failed = |error: &dyn std::error::Error| StartError::Tls(error.to_string());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let builder = match &tls.client_authorities {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| of_file(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(|error| of_file(path, &error))?)
        }
        None => builder.with_no_client_auth(),
    };
    let key = read_secret_file(&tls.key, TLS_KEY_BYTES_MAX).map_err(|error| StartError::Tls(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| of_file(&tls.key, &error))?;
    let mut config = builder.with_single_cert(certificates(&tls.certificate)?, key).map_err(|error| {
        StartError::Tls(format!("{} and {}: {error}", tls.certificate.display(), tls.key.display()))
    })?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| of_file(path, &error))?;
    if certificates.is_empty() {
        return Err(StartError::Tls(format!("{}: holds no certificate in PEM", path.display())));
    }
    Ok(certificates)
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|error| of_file(path, &error))
}

fn of_file(path: &Path, error: &dyn std::error::Error) -> StartError {
    StartError::Tls(format!("{}: {error}", path.display()))
}
