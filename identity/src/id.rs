//! Identities: Ed25519 public keys and their text, byte and file forms.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::IdError;

const PREFIX: &str = "ed25519:";

/// Cache of recently used keys, one per value of the first byte. Decompressing and checking a key costs a fifth of a
/// signature check, and the same few keys are in every document. A flood of other keys costs only the cache's benefit.
static KNOWN: [Mutex<Option<Id>>; 256] = [const { Mutex::new(None) }; 256];

/// A public key that signatures are checked against. Low-order points and non-canonical encodings are refused, so that
/// two ids are equal exactly if they are the same key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Id(VerifyingKey);

impl Id {
    /// Reads an identity from the 32 bytes of RFC 8032.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, IdError> {
        // The first byte of a key is as good as random, so that entries spread. The lock is not held during the checks:
        // a cheap lookup never waits for another thread's decompression.
        let place = || KNOWN[usize::from(bytes[0])].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = place().filter(|known| known.as_bytes() == bytes) {
            return Ok(known);
        }
        let id = Self::from_key(VerifyingKey::from_bytes(bytes).map_err(|_| IdError::Point)?)?;
        *place() = Some(id);
        Ok(id)
    }

    /// Reads an identity from a slice, which must have 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
        Self::from_bytes(bytes.try_into().map_err(|_| IdError::Point)?)
    }

    /// Reads an identity from a SubjectPublicKeyInfo document in DER (RFC 8410).
    pub fn from_spki_der(der: &[u8]) -> Result<Self, IdError> {
        let key = VerifyingKey::from_public_key_der(der).map_err(|error| IdError::Spki(error.to_string()))?;
        Self::from_key(key)
    }

    /// Reads an identity from SubjectPublicKeyInfo in PEM, as `openssl pkey -pubout` prints it.
    pub fn from_spki_pem(pem: &str) -> Result<Self, IdError> {
        let key = VerifyingKey::from_public_key_pem(pem).map_err(|error| IdError::Spki(error.to_string()))?;
        Self::from_key(key)
    }

    /// Returns the public key as a PEM file that openssl reads.
    pub fn to_spki_pem(&self) -> String {
        // Infallible: 32 bytes in a fixed frame.
        self.0.to_public_key_pem(Default::default()).unwrap_or_default()
    }

    /// Returns the 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns `true` if `signature` is this key's over `message`. Strict (S below the group order, no low-order R; RFC
    /// 8032 section 5.1.7), so that a third party cannot turn a signature into a second valid one.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    /// Returns the public half of a pair, which is canonical and not low-order by construction.
    pub(crate) fn of_pair(pair: &SigningKey) -> Self {
        Self(pair.verifying_key())
    }

    fn from_key(key: VerifyingKey) -> Result<Self, IdError> {
        // The curve library also accepts y ≥ p, which would give the same point a second encoding.
        if key.to_edwards().compress().as_bytes() != key.as_bytes() {
            return Err(IdError::Point);
        }
        if key.is_weak() {
            return Err(IdError::Weak);
        }
        Ok(Self(key))
    }
}

impl std::hash::Hash for Id {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(IdError::Form)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| IdError::Form)?;
        Self::from_bytes(&bytes.try_into().map_err(|_| IdError::Form)?)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
