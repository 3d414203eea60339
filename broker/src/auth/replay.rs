//! Nonces seen within the window, in memory: a request names the broker instance that it is for, so no other broker has to
//! know them, and after a restart the instance has another name.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use apiary_identity::{Id, Nonce};

use crate::Error;
use crate::limits::{NONCES_MAX, NONCES_PER_KEY_MAX, NONCES_PER_KEY_RESERVED};

/// A memory of nonces, each for as long as its request would be accepted. Each key has a memory of its own: a key that calls without
/// end takes no room from others, and loses no nonce of its own.
pub(crate) struct Replay {
    window_ms: i64,
    bounds: Bounds,
    seen: Mutex<NonceTable>,
}

#[derive(Clone, Copy)]
struct Bounds {
    of_key: usize,
    reserved: usize,
    in_all: usize,
}

#[derive(Default)]
struct NonceTable {
    count: usize,
    keys: HashMap<Id, KeyNonces>,
    /// When expired nonces of all keys were last removed.
    swept_ms: i64,
}

#[derive(Default)]
struct KeyNonces {
    nonces: HashSet<Nonce>,
    by_age: VecDeque<(i64, Nonce)>,
}

impl Replay {
    /// Returns a memory for the whole window: a request may be dated up to the window ahead and is acceptable until the window after
    /// that.
    pub(crate) fn new(window_ms: i64) -> Self {
        let bounds = Bounds { of_key: NONCES_PER_KEY_MAX, reserved: NONCES_PER_KEY_RESERVED, in_all: NONCES_MAX };
        Self { window_ms, bounds, seen: Mutex::default() }
    }

    /// Rejects a used nonce; uses up none.
    pub(crate) fn check(&self, key: Id, nonce: Nonce) -> Result<(), Error> {
        match self.lock().keys.get(&key).is_some_and(|of_key| of_key.nonces.contains(&nonce)) {
            true => Err(Error::RequestReplayed),
            false => Ok(()),
        }
    }

    /// Uses up a nonce; rejects one that was used before.
    pub(crate) fn admit(&self, key: Id, nonce: Nonce, now_ms: i64) -> Result<(), Error> {
        let mut seen = self.lock();
        seen.forget_of(&key, now_ms);
        if now_ms.saturating_sub(seen.swept_ms).saturating_abs() >= self.window_ms {
            seen.forget(now_ms);
        }
        let own = seen.keys.get(&key);
        if own.is_some_and(|of_key| of_key.nonces.contains(&nonce)) {
            return Err(Error::RequestReplayed);
        }
        let own = own.map_or(0, |of_key| of_key.nonces.len());
        if own >= self.bounds.of_key || (seen.count >= self.bounds.in_all && own >= self.bounds.reserved) {
            return Err(Error::Overloaded(format!("{own} requests of the key {key} came within the replay window")));
        }
        let of_key = seen.keys.entry(key).or_default();
        of_key.nonces.insert(nonce);
        of_key.by_age.push_back((now_ms.saturating_add(self.window_ms.saturating_mul(2)), nonce));
        seen.count += 1;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, NonceTable> {
        // No code that can panic runs under the lock.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NonceTable {
    fn forget_of(&mut self, key: &Id, now_ms: i64) {
        if let Some(of_key) = self.keys.get_mut(key) {
            self.count -= of_key.forget(now_ms);
        }
    }

    /// Removes the expired nonces of all keys: keys that no longer call must not take up room.
    fn forget(&mut self, now_ms: i64) {
        self.swept_ms = now_ms;
        let mut forgotten = 0;
        self.keys.retain(|_, of_key| {
            forgotten += of_key.forget(now_ms);
            !of_key.nonces.is_empty()
        });
        self.count -= forgotten;
    }
}

impl KeyNonces {
    fn forget(&mut self, now_ms: i64) -> usize {
        let mut forgotten = 0;
        while let Some((_, nonce)) = self.by_age.pop_front_if(|(forget_at_ms, _)| *forget_at_ms < now_ms) {
            self.nonces.remove(&nonce);
            forgotten += 1;
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::KeyPair;

    use super::*;

    fn bounded(of_key: usize, reserved: usize, in_all: usize) -> Replay {
        Replay { window_ms: 60_000, bounds: Bounds { of_key, reserved, in_all }, seen: Mutex::default() }
    }

    #[test]
    fn a_nonce_is_good_once_within_the_window_and_forgotten_after_it() {
        let (replay, key, nonce) = (Replay::new(60_000), KeyPair::generate().id(), Nonce::generate());
        assert!(replay.check(key, nonce).is_ok() && replay.admit(key, nonce, 0).is_ok());
        assert!(matches!(replay.check(key, nonce), Err(Error::RequestReplayed)));
        assert!(matches!(replay.admit(key, nonce, 120_000), Err(Error::RequestReplayed)));
        assert!(replay.admit(key, nonce, 120_001).is_ok());
    }

    #[test]
    fn one_callers_nonce_does_not_spend_anothers() {
        let (replay, nonce) = (Replay::new(60_000), Nonce::generate());
        assert!(replay.admit(KeyPair::generate().id(), nonce, 0).is_ok());
        assert!(replay.admit(KeyPair::generate().id(), nonce, 0).is_ok());
    }

    #[test]
    fn a_key_without_end_neither_stops_nor_evicts_another() {
        let replay = bounded(100, 10, 50);
        let (loud, quiet) = (KeyPair::generate().id(), KeyPair::generate().id());
        let first = Nonce::generate();
        replay.admit(quiet, first, 0).unwrap();
        let taken = (0..1000).filter(|_| replay.admit(loud, Nonce::generate(), 0).is_ok()).count();
        assert_eq!(taken, 49, "the room of all");
        assert!(matches!(replay.admit(loud, Nonce::generate(), 0), Err(Error::Overloaded(_))));
        assert!(replay.admit(quiet, Nonce::generate(), 0).is_ok(), "the other has its own");
        assert!(matches!(replay.admit(quiet, first, 1000), Err(Error::RequestReplayed)));
        // The loud key calls no more: its expired nonces take up no room.
        assert!(replay.admit(quiet, Nonce::generate(), 120_001).is_ok());
        let seen = replay.lock();
        assert_eq!((seen.count, seen.keys.len()), (1, 1));
    }

    #[test]
    fn one_key_has_a_bound_of_its_own() {
        let (replay, key) = (bounded(20, 10, 1000), KeyPair::generate().id());
        assert_eq!((0..100).filter(|_| replay.admit(key, Nonce::generate(), 0).is_ok()).count(), 20);
    }
}
