//! TLS serves TLS: plain text is refused where it is on, a foreign certificate is not believed, and with mutual TLS only those
//! with a certificate come in.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use apiary_broker::Broker;
use apiary_broker::config::{Config, ExecutorsConfig, ListenConfig, RetentionConfig, StoreConfig, TlsConfig};
use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{KeyPair, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use tempfile::TempDir;

/// An authority, and what it certified.
struct Authority {
    issuer: CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for `localhost` and its key, in PEM.
    fn certify(&self) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

async fn start(folder: &TempDir, authority: &Authority, mutual: bool) -> Broker {
    apiary_tests::web::install_tls();
    let (certificate, key) = authority.certify();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let tls = TlsConfig {
        certificate: file("tls.pem", &certificate),
        key: file("tls-key.pem", &key),
        client_authorities: mutual.then(|| file("clients.pem", &authority.pem())),
    };
    let config = Config {
        listen: ListenConfig {
            address: Some("127.0.0.1:0".parse().unwrap()),
            tls: Some(tls),
            ..ListenConfig::default()
        },
        store: StoreConfig::Sqlite { path: folder.path().join("broker.db") },
        migrate: true,
        server_owner: None,
        executors: ExecutorsConfig::default(),
        retention: RetentionConfig::default(),
    };
    Broker::start(config, Arc::new(SystemClock)).await.unwrap()
}

fn client(broker: &Broker, scheme: &str, change: impl FnOnce(ClientConfig) -> ClientConfig) -> Client {
    let address = format!("{scheme}://localhost:{}", broker.address().unwrap().port());
    let key = KeyPair::generate();
    let config = change(ClientConfig::new(address.parse().unwrap()));
    Client::new(&config, key.id(), key, Arc::new(SystemClock)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_tls_is_served_and_plain_text_is_not() {
    let (folder, authority, stranger) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let broker = start(&folder, &authority, false).await;
    assert!(client(&broker, "https", |config| config.ca_pem(authority.pem())).connect().await.is_ok());
    assert!(client(&broker, "https", |config| config.ca_pem(stranger.pem())).connect().await.is_err());
    assert!(client(&broker, "http", |config| config).connect().await.is_err());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_mutual_tls_lets_in_only_those_with_a_certificate() {
    let (folder, authority, stranger) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let broker = start(&folder, &authority, true).await;
    let with = |by: &Authority| {
        let (certificate, key) = by.certify();
        client(&broker, "https", |config| config.ca_pem(authority.pem()).client_identity(certificate, key))
    };
    assert!(with(&authority).connect().await.is_ok());
    assert!(with(&stranger).connect().await.is_err());
    assert!(client(&broker, "https", |config| config.ca_pem(authority.pem())).connect().await.is_err());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_bad_certificate_is_refused_before_the_port_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("junk.pem");
    std::fs::write(&path, "junk").unwrap();
    let tls = |key| TlsConfig { certificate: path.clone(), key, client_authorities: None };
    for tls in [tls(path.clone()), tls(folder.path().join("missing.pem"))] {
        let config = Config {
            listen: ListenConfig {
                address: Some("127.0.0.1:0".parse().unwrap()),
                tls: Some(tls),
                ..ListenConfig::default()
            },
            store: StoreConfig::Sqlite { path: folder.path().join("broker.db") },
            migrate: true,
            server_owner: None,
            executors: ExecutorsConfig::default(),
            retention: RetentionConfig::default(),
        };
        let error = Broker::start(config, Arc::new(SystemClock)).await.err().unwrap();
        assert!(error.to_string().contains("TLS"), "{error}");
    }
}
