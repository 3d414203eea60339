//! TLS, with a client certificate if the broker requires one.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::{Client, ClientConfig, ClientError, retry};
use apiary_identity::{KeyPair, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair as TlsKey};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::fake::Fake;

pub(crate) type Authority = CertifiedIssuer<'static, TlsKey>;

pub(crate) fn authority() -> anyhow::Result<Authority> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, TlsKey::generate()?)?)
}

/// Returns a certificate for a host, and its key, in PEM.
fn certificate(authority: &Authority, host: &str) -> anyhow::Result<(String, String)> {
    let key = TlsKey::generate()?;
    let certificate = CertificateParams::new(vec![host.to_owned()])?.signed_by(&key, authority)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Serves as this host with TLS.
pub(crate) async fn serve_for(
    authority: &Authority,
    clients: Option<&Authority>,
    host: &str,
) -> anyhow::Result<SocketAddr> {
    serve_with(certificate(authority, host)?, clients).await
}

async fn serve_with(pair: (String, String), clients: Option<&Authority>) -> anyhow::Result<SocketAddr> {
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(pair.0, pair.1));
    if let Some(clients) = clients {
        tls = tls.client_ca_root(Certificate::from_pem(clients.pem()));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server::builder().tls_config(tls)?.add_service(Fake::default().broker());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    Ok(address)
}

async fn serve(authority: &Authority, clients: Option<&Authority>) -> anyhow::Result<String> {
    Ok(format!("https://localhost:{}", serve_for(authority, clients, "localhost").await?.port()))
}

fn client(config: ClientConfig) -> Result<Client, ClientError> {
    let key = KeyPair::generate();
    let config = config.call_timeout(Duration::from_secs(5));
    Client::new(&config, key.id(), key, Arc::new(SystemClock))
}

async fn connect(config: ClientConfig) -> Result<(), ClientError> {
    client(config)?.connect().await.map(drop)
}

/// Writes a file that others cannot read.
fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[tokio::test]
async fn a_broker_is_believed_by_the_authority_that_is_given_and_no_other() -> anyhow::Result<()> {
    let (authority, other) = (authority()?, authority()?);
    let address = serve(&authority, None).await?;
    let config = || Ok::<_, ClientError>(ClientConfig::new(address.parse()?));
    connect(config()?.ca_pem(authority.pem())).await?;
    let error = connect(config()?.ca_pem(other.pem())).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("another authority than those in `broker.ca_file`"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_client_shows_its_own_certificate() -> anyhow::Result<()> {
    let (authority, clients) = (authority()?, authority()?);
    let address = serve(&authority, Some(&clients)).await?;
    let config = || Ok::<_, ClientError>(ClientConfig::new(address.parse()?).ca_pem(authority.pem()));
    let (shown, key) = certificate(&clients, "bee")?;
    let secret = key.clone();
    let with = config()?.client_identity(shown, key);
    let printed = format!("{with:?}");
    assert!(secret.lines().all(|line| !printed.contains(line)), "a secret in Debug");
    connect(with).await?;
    let error = connect(config()?).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("`broker.client_certificate`"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_self_signed_certificate_is_believed_where_exactly_it_is_given() -> anyhow::Result<()> {
    let selfsigned = |names: &[&str]| {
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        // As `openssl req -x509` makes it.
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = TlsKey::generate()?;
        anyhow::Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
    };
    let (ours, other, nameless) = (selfsigned(&["localhost"])?, selfsigned(&["localhost"])?, selfsigned(&[])?);
    let address = serve_with(ours.clone(), None).await?;
    let at = |host: &str, port: u16| Ok::<_, ClientError>(ClientConfig::new(format!("https://{host}:{port}").parse()?));
    connect(at("localhost", address.port())?.ca_pem(&ours.0)).await?;
    let words = async |config: ClientConfig| connect(config).await.unwrap_err().to_string();
    let unpinned = words(at("localhost", address.port())?.ca_pem(&other.0)).await;
    assert!(unpinned.contains("broker.ca_file"), "{unpinned}");
    let by_address = words(at("127.0.0.1", address.port())?.ca_pem(&ours.0)).await;
    assert!(by_address.contains("not for 127.0.0.1, but for") && by_address.contains("localhost"), "{by_address}");
    let address = serve_with(nameless.clone(), None).await?;
    let without_name = words(at("localhost", address.port())?.ca_pem(&nameless.0)).await;
    assert!(without_name.contains("subjectAltName"), "{without_name}");
    Ok(())
}

#[tokio::test]
async fn files_are_read_anew_for_each_connection() -> anyhow::Result<()> {
    let (old, new, clients, folder) = (authority()?, authority()?, authority()?, tempfile::tempdir()?);
    let (shown, key) = certificate(&clients, "bee")?;
    let ca = write(folder.path(), "ca.pem", old.pem());
    let (shown, key) = (write(folder.path(), "bee.pem", shown), write(folder.path(), "bee-key.pem", key));
    let address = serve(&new, Some(&clients)).await?;
    let config = ClientConfig::new(address.parse()?).ca_file(&ca).client_identity_files(&shown, &key);
    let client = client(config)?;
    assert!(client.connect().await.is_err(), "the broker has a certificate by the new authority");
    write(folder.path(), "ca.pem", "half a fi");
    assert!(client.connect().await.is_err(), "what cannot be read changes nothing");
    write(folder.path(), "ca.pem", new.pem());
    retry(Duration::from_secs(20), || client.connect()).await?;
    Ok(())
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_by_setting_and_remedy_before_anything_is_sent() -> anyhow::Result<()> {
    let (authority, folder) = (authority()?, tempfile::tempdir()?);
    let (certificate, key) = certificate(&authority, "bee")?;
    let (_, other_key) = self::certificate(&authority, "bee")?;
    let file = |name: &str, content: &[u8]| write(folder.path(), name, content);
    let (good, good_key) = (file("bee.pem", certificate.as_bytes()), file("bee-key.pem", key.as_bytes()));
    let other_key = file("other-key.pem", other_key.as_bytes());
    let der = file("bee.der", authority.der());
    let empty = file("empty.pem", b"");
    let encrypted =
        file("locked.pem", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let request =
        file("request.pem", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    let open = file("open-key.pem", key.as_bytes());
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644))?;
    let shown = file("shown.pem", certificate.as_bytes());
    std::fs::set_permissions(&shown, std::fs::Permissions::from_mode(0o644))?;
    let missing = folder.path().join("missing.pem");
    let config = || ClientConfig::new("https://localhost:1".parse().unwrap());
    let ca = |path: &Path| config().ca_file(path);
    let pair = |certificate: &Path, key: &Path| config().ca_file(&good).client_identity_files(certificate, key);
    for (config, setting, words) in [
        (ca(&missing), "broker.ca_file", "No such file"),
        (ca(&empty), "broker.ca_file", "is empty"),
        (ca(&der), "broker.ca_file", "openssl x509 -inform der"),
        (ca(&good_key), "broker.ca_file", "holds a secret key, not a certificate"),
        (ca(&request), "broker.ca_file", "a request for a certificate"),
        (pair(&good_key, &good), "broker.client_certificate", "swapped"),
        (pair(&good, &good), "broker.client_key", "holds a certificate, not a secret key"),
        (pair(&good_key, &shown), "broker.client_key", "swapped"),
        (pair(&good, &der), "broker.client_key", "openssl pkey -inform der"),
        (pair(&good, &encrypted), "broker.client_key", "encrypted"),
        (pair(&good, &other_key), "broker.client_key", "is not the key of the certificate"),
        (pair(&good, &open), "broker.client_key", "chmod 600"),
        (pair(&good, &missing), "broker.client_key", "No such file"),
    ] {
        let error = client(config).map(drop).unwrap_err();
        assert!(matches!(error, ClientError::Invalid(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("`{setting}`")) && text.contains(words), "{setting} {words}: {text}");
    }
    assert!(client(pair(&good, &good_key)).is_ok());
    Ok(())
}
