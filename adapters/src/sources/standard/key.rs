//! Keys of Standard Webhooks: `whsec_` and base64 for HMAC-SHA256 (`v1`), `whpk_` and base64 for Ed25519 (`v1a`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

use crate::signing::{Algorithm, SIGNATURES_MAX};

/// Bytes of a symmetric secret. The specification asks for 24 to 64 random ones; more do no harm.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=128;

/// A key that verifies signatures of one scheme.
#[derive(Debug)]
pub(super) enum Key {
    /// A shared secret.
    Secret(SecretBox<[u8]>),
    /// The sender's public key.
    Public(Box<VerifyingKey>),
}

impl Key {
    /// Reads `whsec_…` or `whpk_…`; some senders show `v1,` in front of the former. `None` for any other text, and for a
    /// weak public key.
    pub(super) fn read(text: &SecretString) -> Option<Self> {
        let text = text.expose_secret();
        if let Some(public) = text.strip_prefix("whpk_") {
            let bytes: [u8; 32] = STANDARD.decode(public).ok()?.try_into().ok()?;
            let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())?;
            return Some(Self::Public(Box::new(key)));
        }
        let secret = text.strip_prefix("v1,").unwrap_or(text).strip_prefix("whsec_")?;
        let bytes = STANDARD.decode(secret).ok().filter(|bytes| SECRET_BYTES.contains(&bytes.len()))?;
        Some(Self::Secret(SecretBox::new(bytes.into())))
    }

    /// Returns true if this key made one of the signatures, each with its scheme and base64. Other schemes are left out,
    /// so that nobody can choose a weaker one.
    pub(super) fn made_one<'s>(&self, parts: &[&[u8]], signatures: impl Iterator<Item = (&'s str, &'s str)>) -> bool {
        // A sender has one for each of its secrets; a stranger may send many, each of which costs a check.
        let of = |wanted| {
            let texts = signatures.take(SIGNATURES_MAX).filter(move |(scheme, _)| *scheme == wanted);
            texts.filter_map(|(_, text)| STANDARD.decode(text).ok())
        };
        match self {
            Self::Secret(secret) => Algorithm::Sha256.made_one_of(secret.expose_secret(), parts, of("v1")),
            Self::Public(key) => {
                let mut signed = None;
                of("v1a").any(|bytes| {
                    let signed = signed.get_or_insert_with(|| parts.concat());
                    let signature = Signature::from_slice(&bytes);
                    signature.is_ok_and(|signature| key.verify_strict(signed, &signature).is_ok())
                })
            }
        }
    }
}
