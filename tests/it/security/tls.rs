//! TLS: plain text is refused, a foreign certificate is not trusted, mutual TLS accepts only clients with a
//! certificate, and each refused client gets the reason with the setting's name.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use apiary_broker::config::{Config, ExecutorsConfig, ListenConfig, RetentionConfig, StoreConfig, TlsConfig};
use apiary_broker::{Broker, StartError};
use apiary_daemon::Supervisor;
use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{KeyPair, SystemClock};
use apiary_tests::eventually;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use tempfile::TempDir;

/// An authority and its certificates.
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

    /// Makes a certificate for `localhost` and its key, in PEM.
    fn certify(&self) -> (String, String) {
        self.certify_with(|_| {})
    }

    fn certify_with(&self, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A broker's folder, with its certificate in it.
struct Served {
    folder: TempDir,
    tls: TlsConfig,
}

impl Served {
    fn new((certificate, key): &(String, String), clients: Option<&Authority>) -> Self {
        apiary_tests::web::install_tls();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let tls = TlsConfig {
            certificate: path("tls.pem"),
            key: path("tls-key.pem"),
            client_authorities: clients.map(|_| path("clients.pem")),
        };
        let served = Self { folder, tls };
        if let Some(clients) = clients {
            served.write("clients.pem", &clients.pem());
        }
        served.renew(certificate, key);
        served
    }

    /// Replaces files, each in one step.
    fn renew(&self, certificate: &str, key: &str) {
        self.write("tls-key.pem", key);
        self.write("tls.pem", certificate);
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let (new, path) = (self.folder.path().join("new"), self.folder.path().join(name));
        std::fs::write(&new, content).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }

    fn config(&self, tls: Option<TlsConfig>) -> Config {
        Config {
            listen: ListenConfig { address: Some("127.0.0.1:0".parse().unwrap()), tls, ..ListenConfig::default() },
            store: StoreConfig::Sqlite { path: self.folder.path().join("broker.db") },
            migrate: true,
            server_owner: None,
            executors: ExecutorsConfig::default(),
            retention: RetentionConfig::default(),
        }
    }

    async fn start(&self) -> Broker {
        self.try_start(Some(self.tls.clone())).await.unwrap()
    }

    async fn try_start(&self, tls: Option<TlsConfig>) -> Result<Broker, StartError> {
        let clock = Arc::new(SystemClock);
        Broker::start(self.config(tls), &Supervisor::new(clock.clone()), clock).await
    }
}

fn client_of(broker: &Broker, scheme: &str, host: &str, change: impl FnOnce(ClientConfig) -> ClientConfig) -> Client {
    let address = format!("{scheme}://{host}:{}", broker.address().unwrap().port());
    let key = KeyPair::generate();
    let config = change(ClientConfig::new(address.parse().unwrap()));
    Client::new(&config, key.id(), key, Arc::new(SystemClock)).unwrap()
}

fn client(broker: &Broker, scheme: &str, change: impl FnOnce(ClientConfig) -> ClientConfig) -> Client {
    client_of(broker, scheme, "localhost", change)
}

async fn refusal(client: &Client) -> String {
    let error = client.connect().await.unwrap_err();
    assert!(error.is_retryable(), "the other side may be put right: {error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_who_is_kept_out_is_told_why() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = Served::new(&authority.certify(), None).start().await;
    let ca = |config: ClientConfig| config.ca_pem(authority.pem());
    assert!(client(&broker, "https", ca).connect().await.is_ok());
    for (client, words) in [
        (client(&broker, "http", |config| config), "it speaks TLS on this port"),
        (
            client(&broker, "https", |config| config.ca_pem(stranger.pem())),
            "another authority than those in `broker.ca_file`",
        ),
        (client(&broker, "https", |config| config), "set `broker.ca_file`"),
        (client_of(&broker, "https", "127.0.0.1", ca), "not for 127.0.0.1, but for"),
    ] {
        let text = refusal(&client).await;
        assert!(text.contains(words), "{words}: {text}");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_certificate_outside_its_time_is_told_with_the_day() {
    let authority = Authority::new();
    for (from, until, words) in [(2020, 2021, "expired on 2021-01-01"), (2090, 2091, "not valid before 2090-01-01")] {
        let pair = authority.certify_with(|params| {
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        });
        let broker = Served::new(&pair, None).start().await;
        let text = refusal(&client(&broker, "https", |config| config.ca_pem(authority.pem()))).await;
        assert!(text.contains(words), "{words}: {text}");
        broker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_tls_towards_a_plain_port_is_told() {
    let (authority, folder) = (Authority::new(), Served::new(&Authority::new().certify(), None));
    let broker = folder.try_start(None).await.unwrap();
    let text = refusal(&client(&broker, "https", |config| config.ca_pem(authority.pem()))).await;
    assert!(text.contains("speaks plain text") || text.contains("check that this port speaks TLS"), "{text}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_mutual_tls_lets_in_only_those_with_a_certificate() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = Served::new(&authority.certify(), Some(&authority)).start().await;
    let with = |(certificate, key): (String, String)| {
        client(&broker, "https", |config| config.ca_pem(authority.pem()).client_identity(certificate, key))
    };
    assert!(with(authority.certify()).connect().await.is_ok());
    let old = authority.certify_with(|params| params.not_after = date_time_ymd(2021, 1, 1));
    let server =
        authority.certify_with(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    for (client, words) in [
        (client(&broker, "https", |config| config.ca_pem(authority.pem())), "set `broker.client_certificate`"),
        (with(stranger.certify()), "it does not accept our certificate"),
        (with(old), "our certificate expired; renew `broker.client_certificate`"),
        (with(server), "it does not accept our certificate"),
    ] {
        let text = refusal(&client).await;
        assert!(text.contains(words), "{words}: {text}");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_renewed_certificate_is_served_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let served = Served::new(&old.certify(), None);
    let broker = served.start().await;
    let trusting = |authority: &Authority| client(&broker, "https", |config| config.ca_pem(authority.pem()));
    let connected = trusting(&old);
    connected.connect().await.unwrap();
    // Half of a new pair, as a copy leaves it for a moment, changes nothing.
    let (certificate, key) = new.certify();
    served.write("tls-key.pem", &key);
    broker.reload_tls();
    trusting(&old).connect().await.unwrap();
    served.write("tls.pem", &certificate);
    eventually("the new certificate is served", async || trusting(&new).connect().await.ok()).await;
    assert!(trusting(&old).connect().await.is_err());
    connected.connect().await.expect("a connection that is there goes on");
    // The signal makes it reload before its next check.
    let (certificate, key) = old.certify();
    served.renew(&certificate, &key);
    broker.reload_tls();
    trusting(&old).connect().await.unwrap();
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_files_that_cannot_be_served_are_refused_before_the_port_opens() {
    let authority = Authority::new();
    let (certificate, key) = authority.certify();
    let served = Served::new(&(certificate, key), Some(&authority));
    let (other_certificate, other_key) = authority.certify();
    let (other, other_key) = (served.write("other.pem", &other_certificate), served.write("other-key.pem", &other_key));
    let junk = served.write("junk.pem", "junk");
    let open = served.write("open.pem", &std::fs::read_to_string(&served.tls.key).unwrap());
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let shown = served.write("shown.pem", &std::fs::read_to_string(&served.tls.certificate).unwrap());
    std::fs::set_permissions(&shown, std::fs::Permissions::from_mode(0o644)).unwrap();
    let tls = || served.tls.clone();
    for (tls, setting, words) in [
        (TlsConfig { certificate: junk.clone(), ..tls() }, "broker.tls_certificate", "is no PEM"),
        (
            TlsConfig { certificate: served.folder.path().join("none"), ..tls() },
            "broker.tls_certificate",
            "No such file",
        ),
        (TlsConfig { certificate: tls().key, key: tls().certificate, ..tls() }, "broker.tls_certificate", "swapped"),
        (TlsConfig { key: tls().certificate, ..tls() }, "broker.tls_key", "holds a certificate, not a secret key"),
        (TlsConfig { certificate: tls().key, key: shown, ..tls() }, "broker.tls_key", "swapped"),
        (TlsConfig { certificate: other, ..tls() }, "broker.tls_key", "is not the key of the certificate"),
        (TlsConfig { key: other_key, ..tls() }, "broker.tls_key", "is not the key of the certificate"),
        (TlsConfig { key: open, ..tls() }, "broker.tls_key", "chmod 600"),
        (TlsConfig { client_authorities: Some(junk), ..tls() }, "broker.tls_client_authorities", "is no PEM"),
    ] {
        let error = served.try_start(Some(tls)).await.err().unwrap().to_string();
        assert!(error.contains("TLS cannot be set up") && error.contains(&format!("`{setting}`")), "{error}");
        assert!(error.contains(words), "{words}: {error}");
    }
}
