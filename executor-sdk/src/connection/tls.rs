//! TLS of the client: trusted authorities, client certificates, and explanations of failed handshakes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use apiary_daemon::tls::{Pem, TlsError, Validity, pair};
use apiary_identity::Clock;
use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, Error, InvalidMessage, RootCertStore, SignatureScheme,
};

use super::dial::Fault;
use crate::config::{ClientConfig, ClientIdentity, PemSource};

/// Settings of handshakes. Certificates given as files are read again for each connection.
pub(super) struct Tls {
    config: ClientConfig,
    /// The protocol to agree on (ALPN), if any.
    protocol: Option<&'static [u8]>,
    clock: Arc<dyn Clock>,
    system: Option<Arc<RootCertStore>>,
    last: Mutex<Arc<rustls::ClientConfig>>,
}

impl Tls {
    /// Reads the authorities and certificates; an unusable one is an error.
    pub(super) fn new(
        config: &ClientConfig,
        protocol: Option<&'static [u8]>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        let system = if config.ca.is_none() { Some(Arc::new(system_roots()?)) } else { None };
        let last = Mutex::new(build(config, protocol, system.as_ref(), clock.now())?);
        Ok(Self { config: config.clone(), protocol, clock: Arc::clone(clock), system, last })
    }

    /// Returns the protocol that the server must accept.
    pub(super) fn protocol(&self) -> Option<&'static [u8]> {
        self.protocol
    }

    /// Returns the settings of the next handshake: from the files as they are now, or as they last were usable.
    pub(super) fn current(&self) -> Arc<rustls::ClientConfig> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.config.has_tls_files() {
            match build(&self.config, self.protocol, self.system.as_ref(), self.clock.now()) {
                Ok(config) => *last = config,
                // A renewal replaces two files one after the other. In between they do not fit, and the old pair still
                // works.
                Err(error) => {
                    tracing::warn!("the files of TLS cannot be used, those read before stay in effect: {error}")
                }
            }
        }
        Arc::clone(&last)
    }

    /// Explains why a handshake with this host failed, or why the connection broke after it.
    pub(super) fn explain(&self, error: &io::Error, host: &str) -> Option<Fault> {
        let is_client_shown = self.config.client_identity.is_some();
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(problem)) => Some(Fault::new(self.about_certificate(problem, host))),
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Some(Fault::new(
                "it speaks plain text, not TLS, on this port; write http:// in the address, or give it \
                 `broker.tls_certificate` and `broker.tls_key`"
                    .to_owned(),
            )),
            Some(Error::AlertReceived(alert)) => Some(Fault::new(about_alert(*alert, is_client_shown))),
            Some(Error::NoApplicationProtocol) => Some(Fault::new(NO_HTTP2.to_owned())),
            Some(other) => Some(Fault::new(format!("TLS failed: {other}; check that this is the broker's port"))),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Some(Fault::new(
                "it closed the connection during the TLS handshake; check that this port speaks TLS".to_owned(),
            )),
            None => None,
        }
    }

    fn about_certificate(&self, problem: &CertificateError, host: &str) -> String {
        match problem {
            CertificateError::UnknownIssuer | CertificateError::BadSignature if self.config.ca.is_some() => {
                "its certificate is by another authority than those in `broker.ca_file`; give the file of the authority that \
                 made it"
                    .to_owned()
            }
            CertificateError::UnknownIssuer => {
                "its certificate is by an authority that this machine does not trust; set `broker.ca_file` to the \
                 authority's certificate"
                    .to_owned()
            }
            CertificateError::Expired => "its certificate expired; renew it there".to_owned(),
            CertificateError::ExpiredContext { not_after, .. } => {
                let end = moment(*not_after);
                format!("its certificate expired on {end}; renew it there, for example with `apiary tls renew`")
            }
            CertificateError::NotValidYet => "its certificate is not valid yet; check both clocks".to_owned(),
            CertificateError::NotValidYetContext { not_before, .. } => {
                format!("its certificate is not valid before {}; check both clocks", moment(*not_before))
            }
            CertificateError::NotValidForName => format!("its certificate is not for {host}; {NAMES}"),
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => format!(
                "its certificate is for no host: it has no subjectAltName, and a common name alone does not count; {NAMES}"
            ),
            CertificateError::NotValidForNameContext { presented, .. } => {
                format!("its certificate is not for {host}, but for {}; {NAMES}", presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", "))
            }
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "its certificate is an authority's own (`CA:TRUE`, as `openssl req -x509` makes it), and not the one in \
                 `broker.ca_file`; give exactly that certificate, or make one with `apiary tls new`"
                    .to_owned()
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "its certificate is not for servers; give the broker one that is, for example by `apiary tls new`".to_owned()
            }
            other => format!("its certificate is not accepted: {other}; make another, for example with `apiary tls new`"),
        }
    }
}

const NAMES: &str = "call it by a name in the certificate, or make one for this name with `apiary tls new`";
/// Advice for a server that ended the handshake for want of a common protocol.
pub(super) const NO_HTTP2: &str = "it speaks TLS but not HTTP/2; check that this is the broker's own port";

/// Explains a server's TLS alert.
fn about_alert(alert: AlertDescription, is_client_shown: bool) -> String {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => WANTED.to_owned(),
        Alert::HandshakeFailure | Alert::BadCertificate if !is_client_shown => WANTED.to_owned(),
        Alert::CertificateExpired => "it says that our certificate expired; renew `broker.client_certificate`".to_owned(),
        Alert::UnknownCA | Alert::BadCertificate | Alert::DecryptError | Alert::CertificateUnknown if is_client_shown => {
            "it does not accept our certificate; give `broker.client_certificate` one by an authority that the broker has \
             in `broker.tls_client_authorities`"
                .to_owned()
        }
        Alert::UnsupportedCertificate if is_client_shown => {
            "it does not accept our certificate, which is not for clients; make one with `apiary tls new --client NAME`"
                .to_owned()
        }
        Alert::NoApplicationProtocol => NO_HTTP2.to_owned(),
        Alert::ProtocolVersion => "it speaks only versions of TLS that are too old; update what answers there".to_owned(),
        other => format!("it ended the TLS handshake ({}); check that this is the broker's port", name_of(other)),
    }
}

/// Returns the name of an alert in words: `illegal parameter`.
fn name_of(alert: AlertDescription) -> String {
    let mut name = String::new();
    for c in format!("{alert:?}").chars() {
        if c.is_ascii_uppercase() && name.ends_with(|before: char| before.is_ascii_lowercase()) {
            name.push(' ');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Advice for a broker that requires a client certificate.
pub(super) const WANTED: &str =
    "it wants a certificate of us; set `broker.client_certificate` and `broker.client_key` (mutual TLS)";

fn build(
    config: &ClientConfig,
    protocol: Option<&'static [u8]>,
    system: Option<&Arc<RootCertStore>>,
    now: Timestamp,
) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let (roots, pinned) = match &config.ca {
        None => (system.map_or_else(|| Arc::new(RootCertStore::empty()), Arc::clone), Vec::new()),
        Some(source) => {
            let pem = source.read("broker.ca_file")?;
            let pinned = pem.certificates()?;
            let mut roots = RootCertStore::empty();
            for certificate in &pinned {
                let failed = |error| pem.fault(&format!("holds a certificate that cannot be used: {error}"));
                roots.add(certificate.clone()).map_err(failed)?;
            }
            (Arc::new(roots), pinned)
        }
    };
    let usual = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
    let usual = usual.map_err(|error| TlsError::new(error.to_string()))?;
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let verifier = Arc::new(PinVerifier { usual, pinned });
    let builder = builder
        .map_err(|error| TlsError::new(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut built = match &config.client_identity {
        None => builder.with_no_client_auth(),
        Some(ClientIdentity { certificate, key }) => {
            let certificate = certificate.read("broker.client_certificate")?;
            let certified = pair(&certificate, &key.read_secret("broker.client_key")?)?;
            warn_of_end(&certified.cert, now);
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
    };
    built.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
    Ok(Arc::new(built))
}

fn warn_of_end(chain: &[CertificateDer<'_>], now: Timestamp) {
    if let Some(concern) = chain.first().and_then(Validity::of).and_then(|of| of.concern(now)) {
        tracing::warn!("the certificate of `broker.client_certificate` {concern}; renew it");
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let advice =
            "this machine has no list of trusted authorities; install one (ca-certificates), or set `broker.ca_file`";
        return Err(TlsError::new(advice));
    }
    Ok(roots)
}

/// Verifier that trusts authorities, and also servers with exactly one of the given certificates. By the rules of the
/// web, a self-signed certificate with `CA:TRUE` is not a server's, but a pinned one is trusted on purpose.
#[derive(Debug)]
struct PinVerifier {
    usual: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.pinned.iter().any(|pinned| pinned == end_entity) {
            return self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        }
        // The rest of the handshake proves that the server has the key. Only name and validity are left to check here.
        let validity = Validity::of(end_entity).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let unix = |at: Timestamp| UnixTime::since_unix_epoch(at.duration_since(Timestamp::UNIX_EPOCH).unsigned_abs());
        if seconds > validity.not_after.as_second() {
            let not_after = unix(validity.not_after);
            return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
        }
        if seconds < validity.not_before.as_second() {
            let not_before = unix(validity.not_before);
            return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
        }
        rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

impl PemSource {
    fn read(&self, setting: &str) -> Result<Pem, TlsError> {
        match self {
            Self::Text(text) => Ok(Pem::new(&format!("`{setting}`"), text.clone())),
            Self::File(path) => Pem::read(setting, path),
        }
    }

    fn read_secret(&self, setting: &str) -> Result<Pem, TlsError> {
        match self {
            Self::Text(_) => self.read(setting),
            Self::File(path) => Pem::read_secret(setting, path),
        }
    }
}

/// Returns the name inside `DnsName("broker.example")`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inside.trim_matches('"')
}

fn moment(at: UnixTime) -> String {
    let at = i64::try_from(at.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}
