//! Nonces seen within the window, in memory: a request names the broker instance that it is for, so no other broker has to
//! know them, and after a restart the instance has another name.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use apiary_identity::{Id, Nonce};

use crate::Error;
use crate::limits::NONCES_MAX;

/// Remembers each nonce for as long as its request would be accepted.
pub(crate) struct Replay {
    window_ms: i64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    nonces: HashSet<(Id, Nonce)>,
    by_age: VecDeque<(i64, (Id, Nonce))>,
}

impl Replay {
    /// Remembers for the whole window: a request may be dated up to the window ahead and is acceptable until the window after
    /// that.
    pub(crate) fn new(window_ms: i64) -> Self {
        Self { window_ms, seen: Mutex::default() }
    }

    /// Takes a nonce, once.
    pub(crate) fn admit(&self, key: Id, nonce: Nonce, now_ms: i64) -> Result<(), Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.by_age.front().is_some_and(|(forget_at_ms, _)| *forget_at_ms < now_ms) {
            if let Some((_, old)) = seen.by_age.pop_front() {
                seen.nonces.remove(&old);
            }
        }
        if seen.nonces.contains(&(key, nonce)) {
            return Err(Error::RequestReplayed);
        }
        if seen.nonces.len() >= NONCES_MAX {
            return Err(Error::Overloaded(format!("{NONCES_MAX} signed requests came within the replay window")));
        }
        seen.nonces.insert((key, nonce));
        seen.by_age.push_back((now_ms.saturating_add(self.window_ms.saturating_mul(2)), (key, nonce)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::KeyPair;

    use super::*;

    #[test]
    fn a_nonce_is_good_once_within_the_window_and_forgotten_after_it() {
        let (replay, key, nonce) = (Replay::new(60_000), KeyPair::generate().id(), Nonce::generate());
        assert!(replay.admit(key, nonce, 0).is_ok());
        assert!(matches!(replay.admit(key, nonce, 120_000), Err(Error::RequestReplayed)));
        assert!(replay.admit(key, nonce, 120_001).is_ok());
    }

    #[test]
    fn one_callers_nonce_does_not_spend_anothers() {
        let (replay, nonce) = (Replay::new(60_000), Nonce::generate());
        assert!(replay.admit(KeyPair::generate().id(), nonce, 0).is_ok());
        assert!(replay.admit(KeyPair::generate().id(), nonce, 0).is_ok());
    }
}
