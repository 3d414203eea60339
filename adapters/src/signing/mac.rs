//! Message authentication codes.

use hmac::{Hmac, KeyInit, Mac};
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

    /// Returns true if this key made one of the codes of these parts, one after the other.
    pub(crate) fn made_one_of<C: AsRef<[u8]>>(
        self,
        key: &[u8],
        parts: &[&[u8]],
        codes: impl IntoIterator<Item = C>,
    ) -> bool {
        match self {
            Self::Sha256 => made_one_of::<Hmac<Sha256>, C>(key, parts, codes),
            Self::Sha512 => made_one_of::<Hmac<Sha512>, C>(key, parts, codes),
        }
    }
}

fn made_one_of<H: Mac + KeyInit + Clone, C: AsRef<[u8]>>(
    key: &[u8],
    parts: &[&[u8]],
    codes: impl IntoIterator<Item = C>,
) -> bool {
    // HMAC accepts keys of any length, so that no error occurs.
    let Ok(mut hmac) = <H as KeyInit>::new_from_slice(key) else { return false };
    // The parts are read once, however many codes a stranger sends.
    parts.iter().for_each(|part| Mac::update(&mut hmac, part));
    // `verify_slice` compares in constant time.
    codes.into_iter().any(|code| hmac.clone().verify_slice(code.as_ref()).is_ok())
}
