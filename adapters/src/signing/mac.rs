//! Message authentication codes.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha512};

/// A hash function of HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

impl Algorithm {
    /// Returns the number of bytes of a code.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Returns true if this key made the code of these parts, one after the other.
    pub(crate) fn is_made_by(self, key: &[u8], parts: &[&[u8]], code: &[u8]) -> bool {
        // HMAC accepts keys of any length, so that no error occurs. `verify_slice` compares in constant time.
        match self {
            Self::Sha256 => Hmac::<Sha256>::new_from_slice(key).is_ok_and(|mut hmac| {
                parts.iter().for_each(|part| hmac.update(part));
                hmac.verify_slice(code).is_ok()
            }),
            Self::Sha512 => Hmac::<Sha512>::new_from_slice(key).is_ok_and(|mut hmac| {
                parts.iter().for_each(|part| hmac.update(part));
                hmac.verify_slice(code).is_ok()
            }),
        }
    }
}
