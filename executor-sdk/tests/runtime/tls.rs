//! TLS, with the client shown too where the broker asks for it.

use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::{Client, ClientConfig, ClientError};
use apiary_identity::{KeyPair, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair as TlsKey};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::fake::Fake;

type Authority = CertifiedIssuer<'static, TlsKey>;

fn authority() -> anyhow::Result<Authority> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, TlsKey::generate()?)?)
}

/// A certificate for this machine, and its key, in PEM.
fn certificate(authority: &Authority) -> anyhow::Result<(String, String)> {
    let key = TlsKey::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, authority)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Serves with TLS; gives the address.
async fn serve(authority: &Authority, clients: Option<&Authority>) -> anyhow::Result<String> {
    let (certificate, key) = certificate(authority)?;
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    if let Some(clients) = clients {
        tls = tls.client_ca_root(Certificate::from_pem(clients.pem()));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("https://localhost:{}", listener.local_addr()?.port());
    let server = Server::builder().tls_config(tls)?.add_service(Fake::default().broker());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    Ok(address)
}

async fn connect(config: ClientConfig) -> Result<(), ClientError> {
    let key = KeyPair::generate();
    let config = config.call_timeout(Duration::from_secs(5));
    Client::new(&config, key.id(), key, Arc::new(SystemClock))?.connect().await.map(drop)
}

#[tokio::test]
async fn a_broker_is_believed_by_the_authority_that_is_given_and_no_other() -> anyhow::Result<()> {
    let (authority, other) = (authority()?, authority()?);
    let address = serve(&authority, None).await?;
    let config = || Ok::<_, ClientError>(ClientConfig::new(address.parse()?));
    connect(config()?.ca_pem(authority.pem())).await?;
    let error = connect(config()?.ca_pem(other.pem())).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_client_shows_its_own_certificate() -> anyhow::Result<()> {
    let (authority, clients) = (authority()?, authority()?);
    let address = serve(&authority, Some(&clients)).await?;
    let config = || Ok::<_, ClientError>(ClientConfig::new(address.parse()?).ca_pem(authority.pem()));
    let (shown, key) = certificate(&clients)?;
    let secret = key.clone();
    let with = config()?.client_identity(shown, key);
    let printed = format!("{with:?}");
    assert!(secret.lines().all(|line| !printed.contains(line)), "a secret in Debug");
    connect(with).await?;
    let error = connect(config()?).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    Ok(())
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_refused_before_anything_is_sent() {
    let address = "https://localhost:1";
    let config = ClientConfig::new(address.parse().unwrap()).client_identity("no certificate", "no key");
    let error = connect(config).await.unwrap_err();
    assert!(matches!(error, ClientError::Invalid(_)), "{error}");
}
