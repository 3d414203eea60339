//! Key pairs: secrets, wiped from memory when dropped and never printed.

use std::fmt;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use pkcs8::EncryptedPrivateKeyInfoOwned;
use pkcs8::der::Decode as _;
use rand::Rng as _;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::{Id, KeyError};

const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// An Ed25519 key pair.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// Generates a key pair from the operating system's randomness directly: a generator in between would keep a copy
    /// of the seed in its buffer.
    ///
    /// # Panics
    ///
    /// If the operating system cannot provide randomness.
    pub fn generate() -> Self {
        let mut seed = Zeroizing::new([0_u8; 32]);
        UnwrapErr(SysRng).fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// Returns the key pair of a 32-byte seed (RFC 8032's private key).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key pair from unencrypted PKCS#8 PEM, or from encrypted PEM with its passphrase.
    pub fn from_pem(pem: &str, passphrase: Option<&str>) -> Result<Self, KeyError> {
        if pem.contains(ENCRYPTED_LABEL) {
            return Self::from_encrypted_pem(pem, passphrase.ok_or(KeyError::PassphraseMissing)?);
        }
        let key = SigningKey::from_pkcs8_pem(pem.trim()).map_err(|error| KeyError::Format(error.to_string()))?;
        Ok(Self(key))
    }

    /// Returns PKCS#8 PEM, encrypted (scrypt with 16 MiB, AES-256-CBC) if a passphrase is given; openssl reads both.
    pub fn to_pem(&self, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyError> {
        let format = |error: &dyn fmt::Display| KeyError::Format(error.to_string());
        // Without the public half: PKCS#8 with it is version 2 (RFC 5958), which openssl 3.0 does not read.
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let Some(passphrase) = passphrase else {
            return bytes.to_pkcs8_pem(LineEnding::LF).map_err(|error| format(&error));
        };
        let plain = bytes.to_pkcs8_der().map_err(|error| format(&error))?;
        let info = pkcs8::PrivateKeyInfoRef::from_der(plain.as_bytes()).map_err(|error| format(&error))?;
        let encrypted = info.encrypt(passphrase).map_err(|error| format(&error))?;
        encrypted.to_pem(ENCRYPTED_LABEL, LineEnding::LF).map_err(|error| format(&error))
    }

    /// Returns the public half.
    pub fn id(&self) -> Id {
        Id::of_pair(&self.0)
    }

    /// Returns the signature of RFC 8032 over `message`.
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
        let plain = encrypted.decrypt(passphrase).map_err(|error| match error {
            // A wrong passphrase mostly gives bad padding; about once in 256 times the padding is right and the content
            // garbage.
            pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed) | pkcs8::Error::Asn1(_) => {
                KeyError::PassphraseWrong
            }
            other => KeyError::Format(other.to_string()),
        })?;
        let key = SigningKey::from_pkcs8_der(plain.as_bytes()).map_err(|error| KeyError::Format(error.to_string()))?;
        Ok(Self(key))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({}, secret hidden)", self.id())
    }
}
