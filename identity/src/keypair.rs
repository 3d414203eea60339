//! Key pairs: the secrets. They are wiped from memory when dropped and never printed.

use std::fmt;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use pkcs8::EncryptedPrivateKeyInfoOwned;
use pkcs8::der::Decode as _;
use rand::Rng as _;
use zeroize::Zeroizing;

use crate::{Id, KeyError};

const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// An Ed25519 key pair.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// A new key pair from the operating system's randomness.
    pub fn generate() -> Self {
        let mut seed = Zeroizing::new([0_u8; 32]);
        rand::rng().fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key pair of a 32-byte seed (RFC 8032's private key).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// A key pair from unencrypted PKCS#8 PEM, or from encrypted PEM with its passphrase.
    pub fn from_pem(pem: &str, passphrase: Option<&str>) -> Result<Self, KeyError> {
        if pem.contains(ENCRYPTED_LABEL) {
            return Self::from_encrypted_pem(pem, passphrase.ok_or(KeyError::PassphraseMissing)?);
        }
        let key = SigningKey::from_pkcs8_pem(pem.trim()).map_err(|error| KeyError::Format(error.to_string()))?;
        Ok(Self(key))
    }

    /// PKCS#8 PEM, encrypted (scrypt, AES-256-CBC) if a passphrase is given; openssl reads both.
    pub fn to_pem(&self, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyError> {
        let format = |error: &dyn fmt::Display| KeyError::Format(error.to_string());
        let Some(passphrase) = passphrase else {
            return self.0.to_pkcs8_pem(LineEnding::LF).map_err(|error| format(&error));
        };
        let plain = self.0.to_pkcs8_der().map_err(|error| format(&error))?;
        let info = pkcs8::PrivateKeyInfoRef::from_der(plain.as_bytes()).map_err(|error| format(&error))?;
        let encrypted = info.encrypt(passphrase).map_err(|error| format(&error))?;
        encrypted.to_pem(ENCRYPTED_LABEL, LineEnding::LF).map_err(|error| format(&error))
    }

    /// The public half.
    pub fn id(&self) -> Id {
        Id::from(self.0.verifying_key())
    }

    /// The signature of RFC 8032 over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.0.sign(message).to_bytes()
    }

    fn from_encrypted_pem(pem: &str, passphrase: &str) -> Result<Self, KeyError> {
        let (label, document) =
            pkcs8::SecretDocument::from_pem(pem.trim()).map_err(|error| KeyError::Format(error.to_string()))?;
        if label != ENCRYPTED_LABEL {
            return Err(KeyError::Format(format!("expected {ENCRYPTED_LABEL}, found {label}")));
        }
        let encrypted = EncryptedPrivateKeyInfoOwned::from_der(document.as_bytes())
            .map_err(|error| KeyError::Format(error.to_string()))?;
        let plain = encrypted.decrypt(passphrase).map_err(|_| KeyError::PassphraseWrong)?;
        let key = SigningKey::from_pkcs8_der(plain.as_bytes()).map_err(|error| KeyError::Format(error.to_string()))?;
        Ok(Self(key))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({}, secret hidden)", self.id())
    }
}
