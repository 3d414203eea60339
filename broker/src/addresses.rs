//! Networks from which keys make calls. A key that calls from a network for the first time becomes an event of its colony: it may be in
//! other hands. A call costs a lookup in memory; what is not found there is looked up in the database by a task.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError, RwLock};

use apiary_daemon::door::{Peer, current_peer};
use apiary_identity::{Clock, Id};
use apiary_protocol::EventKind;
use apiary_store::model::{ColonyKey, KeyNetwork, NewEvent};

use crate::limits::{KEY_NETWORKS_DUE_MAX, KEY_NETWORKS_KEYS_MAX, KEY_NETWORKS_PER_HOUR_MAX, KEY_NETWORKS_PER_KEY_MAX};

/// Bits of an IPv4 address that count: a neighbour's address is no news.
const V4_NETWORK_BITS: u32 = 24;
const HOUR_MS: i64 = 3_600_000;

/// The networks of keys, as far as this broker met them.
pub(crate) struct KeyAddresses {
    clock: Arc<dyn Clock>,
    table: RwLock<Table>,
}

/// A network to look up in the database.
#[derive(Clone, Debug)]
pub(crate) struct DueNetwork {
    /// The colony in which the key has a grant.
    pub(crate) colony: ColonyKey,
    /// The network.
    pub(crate) network: KeyNetwork,
    /// The event, in case it is new.
    pub(crate) event: NewEvent,
}

#[derive(Default)]
struct Table {
    known: HashMap<(ColonyKey, Id), Networks>,
    due: Vec<DueNetwork>,
}

/// The networks of a key.
#[derive(Default)]
struct Networks {
    met: VecDeque<IpAddr>,
    /// The number of those added in the hour that began at this time.
    added: u32,
    hour_ms: i64,
}

impl KeyAddresses {
    /// Returns an empty table.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, table: RwLock::default() }
    }

    /// Notes the network of the call in progress, which a key of this colony was permitted to make. `event` makes the event, in case the
    /// network is new.
    pub(crate) fn note(&self, colony: ColonyKey, key: Id, event: impl Fn(EventKind, i64) -> NewEvent) {
        // A process on the broker's own machine has no network.
        let Some(Peer::Address(address)) = current_peer() else { return };
        self.note_at((colony, key), network(address), || event(EventKind::KeyNewAddress, self.clock.now_ms()));
    }

    /// Takes the networks that are to be looked up.
    pub(crate) fn take(&self) -> Vec<DueNetwork> {
        if self.table.read().unwrap_or_else(PoisonError::into_inner).due.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut self.table.write().unwrap_or_else(PoisonError::into_inner).due)
    }

    fn note_at(&self, holder: (ColonyKey, Id), network: IpAddr, event: impl Fn() -> NewEvent) {
        // Steps that cannot panic half-way run under the locks.
        let is_known = {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            table.known.get(&holder).is_some_and(|networks| networks.met.contains(&network))
        };
        if !is_known {
            self.table.write().unwrap_or_else(PoisonError::into_inner).add(holder, network, event());
        }
    }
}

impl Table {
    fn add(&mut self, holder: (ColonyKey, Id), network: IpAddr, event: NewEvent) {
        if self.due.len() >= KEY_NETWORKS_DUE_MAX {
            return;
        }
        if self.known.len() >= KEY_NETWORKS_KEYS_MAX && !self.known.contains_key(&holder) {
            self.known.clear();
        }
        let networks = self.known.entry(holder).or_default();
        if !networks.add(network, event.time_ms) {
            return;
        }
        let (colony, key) = holder;
        let name = match network {
            IpAddr::V4(_) => format!("{network}/{V4_NETWORK_BITS}"),
            IpAddr::V6(_) => format!("{network}/64"),
        };
        let event = NewEvent {
            subject: name.clone(),
            detail: "the key made no call from this network before".to_owned(),
            ..event
        };
        let network = KeyNetwork { key, network: name, seen_ms: event.time_ms };
        self.due.push(DueNetwork { colony, network, event });
    }
}

impl Networks {
    /// Adds a network; false if it is known, or if there were too many in this hour.
    fn add(&mut self, network: IpAddr, now_ms: i64) -> bool {
        if self.met.contains(&network) {
            return false;
        }
        // The wall clock may be set back: then another hour begins, too.
        if now_ms.abs_diff(self.hour_ms) >= HOUR_MS.unsigned_abs() {
            (self.added, self.hour_ms) = (0, now_ms);
        }
        if self.added >= KEY_NETWORKS_PER_HOUR_MAX {
            return false;
        }
        self.added += 1;
        if self.met.len() >= KEY_NETWORKS_PER_KEY_MAX {
            self.met.pop_front();
        }
        self.met.push_back(network);
        true
    }
}

/// Returns the network of a peer's address; of IPv6, a peer is a network already.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let rest = u32::BITS - V4_NETWORK_BITS;
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() >> rest << rest))
        }
        v6 @ IpAddr::V6(_) => v6,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_identity::{KeyPair, ManualClock};
    use jiff::Timestamp;

    use super::*;

    fn addresses() -> (KeyAddresses, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_000_000).unwrap()));
        (KeyAddresses::new(clock.clone()), clock)
    }

    fn note(addresses: &KeyAddresses, key: Id, address: &str) {
        let event = || NewEvent::new(EventKind::KeyNewAddress, addresses.clock.now_ms());
        addresses.note_at((ColonyKey(1), key), network(address.parse().unwrap()), event);
    }

    fn names(addresses: &KeyAddresses) -> Vec<String> {
        addresses.take().into_iter().map(|due| due.network.network).collect()
    }

    #[test]
    fn a_network_is_looked_up_once_for_each_key() {
        let (addresses, _) = addresses();
        let (ada, grace) = (KeyPair::generate().id(), KeyPair::generate().id());
        for key in [ada, grace] {
            for address in ["203.0.113.7", "203.0.113.9", "198.51.100.1", "2001:db8:1:2::"] {
                note(&addresses, key, address);
            }
        }
        let each = ["203.0.113.0/24", "198.51.100.0/24", "2001:db8:1:2::/64"];
        assert_eq!(names(&addresses), [each, each].concat());
        note(&addresses, ada, "203.0.113.200");
        assert!(names(&addresses).is_empty());
    }

    #[test]
    fn a_key_with_many_addresses_is_bounded_by_the_hour() {
        let (addresses, clock) = addresses();
        let (key, other) = (KeyPair::generate().id(), KeyPair::generate().id());
        let roam = || (0..100).for_each(|number| note(&addresses, key, &format!("10.0.{number}.1")));
        roam();
        let most = usize::try_from(KEY_NETWORKS_PER_HOUR_MAX).unwrap();
        assert_eq!(addresses.take().len(), most);
        note(&addresses, other, "10.0.0.1");
        assert_eq!(addresses.take().len(), 1, "another key has its own");
        clock.advance(Duration::from_secs(3600));
        roam();
        assert_eq!(addresses.take().len(), most);
        assert_eq!(addresses.table.read().unwrap().known[&(ColonyKey(1), key)].met.len(), KEY_NETWORKS_PER_KEY_MAX);
    }

    #[test]
    fn what_finds_no_room_is_looked_up_at_a_later_call() {
        let (addresses, _) = addresses();
        let keys: Vec<Id> = (0..=KEY_NETWORKS_DUE_MAX).map(|_| KeyPair::generate().id()).collect();
        for key in &keys {
            note(&addresses, *key, "10.0.0.1");
        }
        assert_eq!(addresses.take().len(), KEY_NETWORKS_DUE_MAX);
        note(&addresses, keys[KEY_NETWORKS_DUE_MAX], "10.0.0.1");
        assert_eq!(addresses.take().len(), 1);
    }
}
