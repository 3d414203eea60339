//! PEM files of certificates and keys. Each mistake has an error of its own: the wrong file, the wrong form, the wrong
//! pair.

use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use apiary_identity::{KeyError, read_secret_file};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

/// Bytes of a certificate file: enough for some hundreds of authorities.
const FILE_BYTES_MAX: usize = 1024 * 1024;
const KEY_BYTES_MAX: usize = 64 * 1024;

const CERTIFICATE_FOR_KEY: &str =
    "holds a certificate, not a secret key: were the two settings swapped, or both given one file?";

/// A mistake in the TLS files. The text names the setting, the file and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(String);

impl TlsError {
    /// Creates an error with this text.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// PEM text, with the name of its setting and file for errors.
#[derive(Clone)]
pub struct Pem {
    name: String,
    text: Zeroizing<String>,
}

impl Pem {
    /// Wraps text from a source other than a file.
    pub fn new(name: &str, text: Zeroizing<String>) -> Self {
        Self { name: name.to_owned(), text }
    }

    /// Reads the certificate file of a setting.
    pub fn read(setting: &str, path: &Path) -> Result<Self, TlsError> {
        let name = named(setting, path);
        let fault = |error: std::io::Error| TlsError(format!("{name}: {error}"));
        let file = std::fs::File::open(path).map_err(fault)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes).map_err(fault)?;
        let text = String::from_utf8(bytes).map_err(|_| not_pem(&name, "x509"))?;
        Ok(Self { name, text: Zeroizing::new(text) })
    }

    /// Reads the key file of a setting, under the rules for secret files.
    pub fn read_secret(setting: &str, path: &Path) -> Result<Self, TlsError> {
        let name = named(setting, path);
        let fault = match read_secret_file(path, KEY_BYTES_MAX) {
            Ok(text) => return Ok(Self { name, text }),
            Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::InvalidData => not_pem(&name, "pkey"),
            Err(KeyError::Io { source, .. }) => TlsError(format!("{name}: {source}")),
            Err(error) => TlsError(format!("`{setting}`: {error}")),
        };
        // A certificate is usually readable by everybody. Then the fault is the wrong file, and advice to change its
        // mode would mislead.
        match Self::read(setting, path) {
            Ok(pem) if pem.has("CERTIFICATE") && !pem.has("PRIVATE KEY") => Err(pem.fault(CERTIFICATE_FOR_KEY)),
            _ => Err(fault),
        }
    }

    /// Returns the certificates, of which there is at least one.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.text.as_bytes()).collect();
        match read {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) => Err(self.without_certificate()),
            Err(error) => Err(self.fault(&format!("the PEM is damaged ({error}): copy the file again"))),
        }
    }

    /// Returns the secret key.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let problem = match PrivateKeyDer::from_pem_slice(self.text.as_bytes()) {
            Ok(key) => return Ok(key),
            Err(_) if self.has("ENCRYPTED PRIVATE KEY") || self.text.contains("Proc-Type: 4,ENCRYPTED") => {
                "the key is encrypted, and a server starts without asking: `openssl pkey -in FILE -out FILE` opens it"
            }
            Err(_) if self.has("PRIVATE KEY") => "the PEM is damaged: copy the file again",
            Err(_) if self.has("CERTIFICATE") => CERTIFICATE_FOR_KEY,
            Err(_) if self.has("PUBLIC KEY") => "holds a public key, not the secret one",
            Err(_) if self.text.trim().is_empty() => "the file is empty",
            Err(_) => return Err(not_pem(&self.name, "pkey")),
        };
        Err(self.fault(problem))
    }

    fn without_certificate(&self) -> TlsError {
        let problem = if self.has("CERTIFICATE REQUEST") {
            "holds a request for a certificate, not the certificate that the authority made of it"
        } else if self.has("PRIVATE KEY") {
            "holds a secret key, not a certificate: were the two settings swapped?"
        } else if self.text.contains("-----BEGIN ") {
            "holds PEM of another kind than CERTIFICATE"
        } else if self.text.trim().is_empty() {
            "the file is empty"
        } else {
            return not_pem(&self.name, "x509");
        };
        self.fault(problem)
    }

    /// Returns `true` if there is a block whose kind ends in `kind`: `EC PRIVATE KEY` is a `PRIVATE KEY`.
    fn has(&self, kind: &str) -> bool {
        let ending = format!("{kind}-----");
        self.text.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&ending))
    }

    /// Creates an error about this file.
    pub fn fault(&self, problem: &str) -> TlsError {
        TlsError(format!("{}: {problem}", self.name))
    }
}

/// Returns a certificate and its key, which must belong together.
pub fn pair(certificate: &Pem, key: &Pem) -> Result<Arc<CertifiedKey>, TlsError> {
    let (chain, secret) = (certificate.certificates()?, key.key()?);
    let certified = CertifiedKey::from_der(chain, secret, &ring::default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => key.fault(&format!(
            "is not the key of the certificate in {}: take the two files that were made together",
            certificate.name
        )),
        error => key.fault(&format!("cannot be used with {}: {error}", certificate.name)),
    })?;
    Ok(Arc::new(certified))
}

fn named(setting: &str, path: &Path) -> String {
    format!("`{setting}` ({})", path.display())
}

fn not_pem(name: &str, command: &str) -> TlsError {
    TlsError(format!(
        "{name}: is no PEM; if it is DER, `openssl {command} -inform der -in FILE -out FILE.pem` converts it"
    ))
}
