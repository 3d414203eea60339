//! Executors that wait for approval, by address: a stranger, who can make keys without end, must leave
//! room for others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use apiary_daemon::door::Peer;
use apiary_identity::Id;

use crate::Error;
use crate::limits::{PENDING_EXECUTORS_PER_PEER_MAX, PENDING_FORGET_AFTER_MS};

/// Keys without a grant that registered recently, by address, each with the last time. In memory only: after a restart, an
/// address has its whole room again.
#[derive(Default)]
pub(in crate::engine) struct PendingByAddress(Mutex<HashMap<Peer, HashMap<Id, i64>>>);

impl PendingByAddress {
    /// Notes that a key without a grant registers from an address.
    pub(in crate::engine) fn admit(&self, peer: Peer, key: Id, now_ms: i64) -> Result<(), Error> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|_, keys| {
            keys.retain(|_, heard_ms| now_ms.saturating_sub(*heard_ms) < PENDING_FORGET_AFTER_MS);
            !keys.is_empty()
        });
        let keys = peers.entry(peer).or_default();
        if keys.len() >= PENDING_EXECUTORS_PER_PEER_MAX && !keys.contains_key(&key) {
            return Err(Error::Overloaded(format!(
                "{PENDING_EXECUTORS_PER_PEER_MAX} executors from {peer} wait for approval: approve or reject some, or, if {peer} is a \
                 proxy, add it to `broker.trusted_proxies`"
            )));
        }
        keys.insert(key, now_ms);
        Ok(())
    }

    /// True if every address is below its bound.
    pub(in crate::engine) fn have_room(&self) -> bool {
        let peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        peers.values().all(|keys| keys.len() < PENDING_EXECUTORS_PER_PEER_MAX)
    }

    /// Removes a key that no longer waits.
    pub(in crate::engine) fn forget(&self, peer: Peer, key: &Id) {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = peers.get_mut(&peer) {
            keys.remove(key);
            if keys.is_empty() {
                peers.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::KeyPair;

    use super::*;

    #[test]
    fn one_address_leaves_room_for_others() {
        let newcomers = PendingByAddress::default();
        let peer = |last: u8| Peer::of([198, 51, 100, last].into());
        let keys: Vec<Id> = (0..=PENDING_EXECUTORS_PER_PEER_MAX).map(|_| KeyPair::generate().id()).collect();
        let (last, keys) = keys.split_last().unwrap();
        for key in keys {
            newcomers.admit(peer(1), *key, 0).unwrap();
        }
        assert!(matches!(newcomers.admit(peer(1), *last, 0), Err(Error::Overloaded(_))));
        assert!(!newcomers.have_room());
        assert!(newcomers.admit(peer(1), keys[0], 0).is_ok(), "who waits may ask again");
        assert!(newcomers.admit(peer(2), *last, 0).is_ok(), "another address has its own room");
        newcomers.forget(peer(1), &keys[0]);
        assert!(newcomers.have_room());
        assert!(newcomers.admit(peer(1), *last, 0).is_ok());
        assert!(newcomers.admit(peer(1), keys[0], PENDING_FORGET_AFTER_MS).is_ok(), "the others are forgotten");
    }
}
