//! Places of watches and awaiting calls: their number, their holders, and the memory that they use. A place belongs to a
//! grant, and ends with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apiary_identity::{Clock, Id};
use apiary_store::model::{ColonyKey, GrantKey, GrantRecord, RevokedGrant};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::auth::Permit;
use crate::auth::action::Action;
use crate::engine::Engine;
use crate::limits::{
    GRANT_END_INTERVAL, WATCH_BYTES_MAX, WATCH_BYTES_PER_KEY_MAX, WATCH_STALL_MAX, WATCHES_MAX, WATCHES_PER_KEY_MAX,
};

/// The key that holds places, in its colony.
type Holder = (ColonyKey, Id);

/// All places of this broker.
pub(crate) struct Watches {
    clock: Arc<dyn Clock>,
    room: Arc<Semaphore>,
    open: Mutex<WatchTable>,
}

#[derive(Default)]
struct WatchTable {
    count: usize,
    last: u64,
    by_holder: HashMap<Holder, KeyWatches>,
}

/// The places and the memory of one key.
struct KeyWatches {
    room: Arc<Semaphore>,
    /// The places by number, each with its grant; the colony's own key needs none.
    places: HashMap<u64, (Option<GrantKey>, CancellationToken)>,
}

/// The place of a watch or an awaiting call, freed when it is dropped.
pub(in crate::engine) struct WatchSlot {
    watches: Arc<Watches>,
    holder: Holder,
    number: u64,
    revoked: CancellationToken,
    valid_until: Option<Timestamp>,
    room: Arc<Semaphore>,
}

/// A share of the memory, freed when it is dropped.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    of_key: OwnedSemaphorePermit,
    of_all: OwnedSemaphorePermit,
}

impl Watches {
    /// Returns an empty set of places.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, room: Arc::new(Semaphore::new(WATCH_BYTES_MAX)), open: Mutex::default() }
    }

    /// Takes a place for this key, under this grant.
    pub(in crate::engine) fn take(
        self: &Arc<Self>,
        holder: Holder,
        grant: Option<&GrantRecord>,
    ) -> Result<WatchSlot, Error> {
        // Both bounds are checked under one lock, so that concurrent calls cannot exceed them together.
        let mut open = self.open();
        if open.count >= WATCHES_MAX {
            return Err(Error::Overloaded(format!("{WATCHES_MAX} watches are open at this broker")));
        }
        let held = open.by_holder.get(&holder).map_or(0, |held| held.places.len());
        if held >= WATCHES_PER_KEY_MAX {
            return Err(Error::Overloaded(format!(
                "{WATCHES_PER_KEY_MAX} watches of this key are open already: end some, or watch by a filter"
            )));
        }
        open.count += 1;
        open.last += 1;
        let (number, revoked) = (open.last, CancellationToken::new());
        let fresh = || KeyWatches { room: Arc::new(Semaphore::new(WATCH_BYTES_PER_KEY_MAX)), places: HashMap::new() };
        let held = open.by_holder.entry(holder).or_insert_with(fresh);
        held.places.insert(number, (grant.map(|grant| grant.key), revoked.clone()));
        let valid_until = grant.map(|grant| grant.grant.valid_until);
        Ok(WatchSlot { watches: self.clone(), holder, number, revoked, valid_until, room: held.room.clone() })
    }

    /// Ends the places under these grants.
    pub(in crate::engine) fn expel(&self, grants: &[RevokedGrant]) {
        let open = self.open();
        for grant in grants {
            // Only the grant's own places: a key with several grants keeps the places under the others.
            let Some(held) = open.by_holder.get(&(grant.colony, grant.grantee)) else { continue };
            for (_, revoked) in held.places.values().filter(|(under, _)| *under == Some(grant.key)) {
                revoked.cancel();
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, WatchTable> {
        // It is only ever changed in steps that cannot panic half-way.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WatchSlot {
    /// Completes when the place's grant is revoked or over; returns the error for the caller.
    pub(in crate::engine) async fn ended(&self) -> Error {
        tokio::select! {
            () = self.revoked.cancelled() => revoked(),
            until = self.over() => Error::NotPermitted(format!(
                "the grant was valid until {until}: ask the colony's owner for a new one"
            )),
        }
    }

    async fn over(&self) -> Timestamp {
        let Some(until) = self.valid_until else { return std::future::pending().await };
        loop {
            let now = self.watches.clock.now();
            if now >= until {
                return until;
            }
            let left_ms = until.as_millisecond().saturating_sub(now.as_millisecond()).saturating_add(1);
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
            // Sleeps briefly each time: the wall clock may be adjusted.
            tokio::time::sleep(left.min(GRANT_END_INTERVAL)).await;
        }
    }

    /// Waits for memory for so many bytes, beside what this key's watches hold and what all hold. A client that does not read frees
    /// none, and after a while the watches that wait for it end.
    pub(in crate::engine) async fn room(&self, bytes: usize) -> Result<MemoryShare, Error> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        // The key's share first: a key that is at its bound must not hold back memory of all while it waits.
        let taken = async {
            let of_key = self.room.clone().acquire_many_owned(wanted).await;
            let of_all = self.watches.room.clone().acquire_many_owned(wanted).await;
            Some(MemoryShare { of_key: of_key.ok()?, of_all: of_all.ok()? })
        };
        let taken = tokio::time::timeout(WATCH_STALL_MAX, taken).await.ok().flatten();
        taken.ok_or_else(|| {
            Error::Overloaded(format!(
                "unread messages of watches use more than {WATCH_BYTES_PER_KEY_MAX} bytes for this key, or \
                 {WATCH_BYTES_MAX} for all keys: read faster, or open fewer watches"
            ))
        })
    }
}

impl Drop for WatchSlot {
    fn drop(&mut self) {
        let mut open = self.watches.open();
        open.count -= 1;
        if let Some(held) = open.by_holder.get_mut(&self.holder) {
            held.places.remove(&self.number);
            if held.places.is_empty() {
                open.by_holder.remove(&self.holder);
            }
        }
    }
}

impl MemoryShare {
    /// Gives back all but room for so many bytes.
    pub(in crate::engine) fn keep(mut self, bytes: usize) -> Option<Self> {
        self.split(bytes)
    }

    /// Cuts off room for so many bytes, or what there is of it.
    pub(in crate::engine) fn split(&mut self, bytes: usize) -> Option<Self> {
        let bytes = bytes.min(self.of_key.num_permits()).min(self.of_all.num_permits());
        Some(Self { of_key: self.of_key.split(bytes)?, of_all: self.of_all.split(bytes)? })
    }
}

impl Engine {
    /// Takes a place to watch or to await from.
    pub(in crate::engine) async fn place<A: Action>(&self, permit: &Permit<A>) -> Result<WatchSlot, Error> {
        let (colony, key) = (permit.colony(), permit.key());
        let place = self.watches.take((colony.key, key), permit.grant())?;
        // The grant may have been revoked between the permit and the place, when there was nothing to end.
        if let Some(grant) = permit.grant() {
            let same = self.grants.find(colony, &key, |known| known.key == grant.key).await?;
            same.ok_or_else(revoked)?;
        }
        Ok(place)
    }
}

/// Returns the error for the caller of a call whose grant was revoked.
pub(in crate::engine) fn revoked() -> Error {
    Error::NotPermitted("the grant was revoked: ask the colony's owner".into())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use apiary_identity::{KeyPair, ManualClock};

    use super::*;

    fn watches() -> Arc<Watches> {
        Arc::new(Watches::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH))))
    }

    #[test]
    fn one_key_cannot_take_the_places_of_all() {
        let watches = watches();
        let [greedy, other] = [(); 2].map(|()| (ColonyKey(1), KeyPair::generate().id()));
        let mut places: Vec<_> = (0..WATCHES_PER_KEY_MAX).map(|_| watches.take(greedy, None).unwrap()).collect();
        assert!(matches!(watches.take(greedy, None), Err(Error::Overloaded(_))));
        assert!(watches.take(other, None).is_ok());
        places.pop();
        assert!(watches.take(greedy, None).is_ok());
        drop(places);
        let open = watches.open();
        assert_eq!((open.count, open.by_holder.len()), (0, 0));
    }

    #[tokio::test]
    async fn what_nobody_reads_keeps_room_from_its_key_and_from_no_other() {
        let watches = watches();
        let [greedy, other] = [(); 2].map(|()| watches.take((ColonyKey(1), KeyPair::generate().id()), None).unwrap());
        let mut read = greedy.room(WATCH_BYTES_PER_KEY_MAX).await.unwrap();
        let unread = read.split(100).unwrap();
        assert!(futures::poll!(pin!(greedy.room(1))).is_pending(), "it waits");
        assert!(other.room(WATCH_BYTES_PER_KEY_MAX).await.is_ok());
        drop(read);
        assert!(futures::poll!(pin!(greedy.room(WATCH_BYTES_PER_KEY_MAX - 99))).is_pending());
        assert!(greedy.room(WATCH_BYTES_PER_KEY_MAX - 100).await.is_ok());
        drop(unread);
        assert!(greedy.room(WATCH_BYTES_PER_KEY_MAX).await.is_ok());
        assert_eq!(watches.room.available_permits(), WATCH_BYTES_MAX);
    }
}
