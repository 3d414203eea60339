//! The certificate in effect: the last usable one, even if the files hold something else by now.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use apiary_daemon::Notices;
use apiary_daemon::tls::{Pem, TlsError, Validity, pair};
use apiary_identity::Clock;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig};
use tokio_util::sync::CancellationToken;

use crate::StartError;
use crate::config::TlsConfig;
use crate::limits::TLS_FILES_CHECKED_EVERY;

/// The settings' names, as errors and notices call them.
const CERTIFICATE: &str = "broker.tls_certificate";
const KEY: &str = "broker.tls_key";
const AUTHORITIES: &str = "broker.tls_client_authorities";
/// Kinds of notices.
const RELOAD_FAILED: &str = "TLS_RELOAD_FAILED";
const EXPIRES: &str = "TLS_CERTIFICATE_EXPIRES";

/// The certificate in effect.
pub(crate) struct Tls {
    files: TlsConfig,
    clock: Arc<dyn Clock>,
    notices: Notices,
    state: Mutex<State>,
}

/// Files of TLS that were read and can be served.
pub(crate) struct TlsFiles {
    files: TlsConfig,
    state: State,
}

struct State {
    config: Arc<ServerConfig>,
    /// The validity of the server's certificate, and of each authority of clients.
    validity: Vec<(&'static str, Validity)>,
    /// The files as they were when they were last read.
    seen: Vec<Option<FileState>>,
    /// The notices that were raised last.
    raised: Vec<(&'static str, String)>,
}

/// The state of a file, to notice changes. The time at which its attributes changed is left out: reading a secret file
/// may change that.
#[derive(PartialEq, Eq)]
struct FileState {
    modified: Option<SystemTime>,
    numbers: [u64; 4],
}

impl TlsFiles {
    /// Reads the files; returns an error if they cannot be served.
    pub(crate) fn read(files: &TlsConfig) -> Result<Self, StartError> {
        let seen = seen(files);
        let (config, validity) = read(files).map_err(|error| StartError::Tls(error.to_string()))?;
        let state = State { config: Arc::new(config), validity, seen, raised: Vec::new() };
        Ok(Self { files: files.clone(), state })
    }

    /// Puts them in effect, and raises notices for the operator.
    pub(crate) fn serve(self, clock: Arc<dyn Clock>, notices: Notices) -> Arc<Tls> {
        let tls = Tls { files: self.files, clock, notices, state: Mutex::new(self.state) };
        tls.report();
        Arc::new(tls)
    }
}

impl Tls {
    /// Returns the configuration of the next handshake.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.lock().config)
    }

    /// Reads the files again if they changed, or in any case. Unusable files change nothing but the notices.
    pub(crate) fn refresh(&self, in_any_case: bool) {
        let seen = seen(&self.files);
        if in_any_case || self.lock().seen != seen {
            match read(&self.files) {
                Ok((config, validity)) => {
                    let mut state = self.lock();
                    (state.config, state.validity, state.seen) = (Arc::new(config), validity, seen);
                    drop(state);
                    self.notices.resolve(RELOAD_FAILED, CERTIFICATE);
                    tracing::info!("TLS certificate read again; new connections use it");
                }
                Err(error) => {
                    self.lock().seen = seen;
                    let words =
                        format!("the changed files of TLS cannot be used, the old ones stay in effect: {error}");
                    self.notices.raise(RELOAD_FAILED, CERTIFICATE, words);
                }
            }
        }
        self.report();
    }

    /// Checks the files every few seconds, until `stop`.
    pub(crate) async fn watch(self: &Arc<Self>, stop: &CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(TLS_FILES_CHECKED_EVERY)).await.is_some() {
            let tls = Arc::clone(self);
            // A file may lie on a disk that does not answer; a panic is for the next pass to repeat.
            let _ = tokio::task::spawn_blocking(move || tls.refresh(false)).await;
        }
    }

    /// Raises a notice for each certificate that ends soon, once a day; ends the notices that no longer apply.
    fn report(&self) {
        let mut state = self.lock();
        let now = self.clock.now();
        let concerns: Vec<_> =
            state.validity.iter().filter_map(|(setting, of)| Some((*setting, of.concern(now)?))).collect();
        if concerns == state.raised {
            return;
        }
        let before = std::mem::replace(&mut state.raised, concerns.clone());
        drop(state);
        for (setting, _) in before.iter().filter(|(setting, _)| concerns.iter().all(|(other, _)| other != setting)) {
            self.notices.resolve(EXPIRES, setting);
        }
        for (setting, concern) in concerns.iter().filter(|concern| !before.contains(concern)) {
            let words =
                format!("the certificate of `{setting}` {concern}; renew it, for example with `apiary tls renew`");
            self.notices.raise(EXPIRES, *setting, words);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every value in it is whole at all times.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The validity of each certificate, by the setting that names its file.
type Validities = Vec<(&'static str, Validity)>;

fn read(files: &TlsConfig) -> Result<(ServerConfig, Validities), TlsError> {
    let provider = Arc::new(ring::default_provider());
    let certificate = Pem::read(CERTIFICATE, &files.certificate)?;
    let certified = pair(&certificate, &Pem::read_secret(KEY, &files.key)?)?;
    let mut validity: Validities =
        certified.end_entity_cert().ok().and_then(Validity::of).map(|of| (CERTIFICATE, of)).into_iter().collect();
    let failed = |error: rustls::Error| certificate.fault(&error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let pem = Pem::read(AUTHORITIES, path)?;
            let mut roots = RootCertStore::empty();
            for authority in pem.certificates()? {
                validity.extend(Validity::of(&authority).map(|of| (AUTHORITIES, of)));
                roots.add(authority).map_err(|error| pem.fault(&format!("no certificate of an authority: {error}")))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| pem.fault(&error.to_string()))?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((config, validity))
}

fn seen(files: &TlsConfig) -> Vec<Option<FileState>> {
    let look = |path: &Path| {
        use std::os::unix::fs::MetadataExt as _;
        let found = std::fs::metadata(path).ok()?;
        let numbers = [found.dev(), found.ino(), found.len(), u64::from(found.mode())];
        Some(FileState { modified: found.modified().ok(), numbers })
    };
    let paths = [Some(&files.certificate), Some(&files.key), files.client_authorities.as_ref()];
    paths.into_iter().flatten().map(|path| look(path)).collect()
}
