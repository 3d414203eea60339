//! Memory of signatures that were found valid: a batch's, which each of its members shows again, and a grant's, which comes with
//! every lease.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::Id;
use crate::limits::VERIFIED_SIGNATURES_MAX;

/// Signatures by the hash of all that the check depends on. That a signature holds is a fact for ever, so one memory serves the
/// whole process, and forgetting costs no more than another check.
static VERIFIED: Mutex<Verified> = Mutex::new(Verified { recent: None, older: None });

/// Two generations: when the recent one is full, it becomes the older one, and the older one is forgotten.
struct Verified {
    recent: Option<HashSet<[u8; 32]>>,
    older: Option<HashSet<[u8; 32]>>,
}

impl Verified {
    fn contains(&self, hash: &[u8; 32]) -> bool {
        [&self.recent, &self.older].into_iter().flatten().any(|known| known.contains(hash))
    }

    fn add(&mut self, hash: [u8; 32]) {
        let recent = self.recent.get_or_insert_default();
        recent.insert(hash);
        if recent.len() >= VERIFIED_SIGNATURES_MAX / 2 {
            self.older = self.recent.take();
        }
    }
}

/// Returns true if this is the key's signature over the message, from memory if it was checked before.
pub(crate) fn verifies(key: &Id, message: &[u8], signature: &[u8; 64]) -> bool {
    // Key and signature have fixed lengths, so that no other check has the same bytes.
    let hash =
        Sha256::new().chain_update(key.as_bytes()).chain_update(signature).chain_update(message).finalize().into();
    if lock().contains(&hash) {
        return true;
    }
    // Not under the lock: a check takes longer than all else here.
    let holds = key.verifies(message, signature);
    if holds {
        lock().add(hash);
    }
    holds
}

fn lock() -> std::sync::MutexGuard<'static, Verified> {
    // Valid after a panic: sets are never left half-changed.
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

    #[test]
    fn the_memory_is_bounded_and_keeps_the_recent_half() {
        let mut verified = Verified { recent: None, older: None };
        let hash = |number: usize| Sha256::digest(number.to_be_bytes()).into();
        for number in 0..3 * VERIFIED_SIGNATURES_MAX {
            verified.add(hash(number));
            let kept = [&verified.recent, &verified.older].into_iter().flatten().map(HashSet::len).sum::<usize>();
            assert!(kept <= VERIFIED_SIGNATURES_MAX, "{kept}");
            assert!(verified.contains(&hash(number.saturating_sub(VERIFIED_SIGNATURES_MAX / 2 - 1))));
        }
        assert!(!verified.contains(&hash(0)));
    }
}
