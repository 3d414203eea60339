//! Memory of signatures that were found valid: a batch's, which each of its members shows again, and a grant's, which comes with
//! every lease.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::limits::VERIFIED_SIGNATURES_MAX;
use crate::{Id, RecentMap};

/// Signatures by the hash of all that the check depends on. That a signature holds is a fact for ever, so one memory serves the
/// whole process, and forgetting costs no more than another check.
static VERIFIED: LazyLock<Mutex<RecentMap<[u8; 32], ()>>> =
    LazyLock::new(|| Mutex::new(RecentMap::new(VERIFIED_SIGNATURES_MAX)));

/// Returns true if this is the key's signature over the message, from memory if it was checked before.
pub(crate) fn verifies(key: &Id, message: &[u8], signature: &[u8; 64]) -> bool {
    // Key and signature have fixed lengths, so that no other check has the same bytes.
    let hash =
        Sha256::new().chain_update(key.as_bytes()).chain_update(signature).chain_update(message).finalize().into();
    if lock().get(&hash).is_some() {
        return true;
    }
    // Not under the lock: a check takes longer than all else here.
    let holds = key.verifies(message, signature);
    if holds {
        lock().add(hash, (), 1);
    }
    holds
}

fn lock() -> MutexGuard<'static, RecentMap<[u8; 32], ()>> {
    // Valid after a panic: the map is never left half-changed.
    VERIFIED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyPair;

    #[test]
    fn what_is_remembered_is_exactly_what_was_checked() {
        let (key, other) = (KeyPair::generate(), KeyPair::generate());
        let signature = key.sign(b"root");
        for _ in 0..2 {
            assert!(verifies(&key.id(), b"root", &signature));
            assert!(!verifies(&key.id(), b"rooT", &signature));
            assert!(!verifies(&other.id(), b"root", &signature));
            assert!(!verifies(&key.id(), b"root", &other.sign(b"root")));
        }
    }
}
