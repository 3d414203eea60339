//! Strangers' requests in progress, bounded by the memory that they take before a handler has examined them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{PEER_REQUESTS_BYTES_MAX, REQUEST_BYTES, REQUESTS_BYTES_MAX, REQUESTS_QUEUED_MAX};
use super::{Connection, Peer};

/// Requests of strangers. When many come at once, a request's task starts late, so that requests are counted on
/// arrival: a connection may have a thousand streams, each with large headers.
#[derive(Default)]
pub(super) struct Requests(Mutex<Use>);

#[derive(Default)]
struct Use {
    /// Bytes of requests in progress.
    bytes: usize,
    /// Requests whose tasks wait for their first or last turn. They hold their memory until then, which may take long
    /// with many connections.
    queued: usize,
    connections: HashMap<u64, ConnectionUse>,
}

struct ConnectionUse {
    connection: Arc<Connection>,
    peer: Peer,
    bytes: usize,
    /// Requests that had their first turn.
    running: usize,
}

/// A request's reservation of memory, returned when dropped. Handlers find it in the request's extensions.
pub struct RequestRoom {
    requests: Arc<Requests>,
    /// `None` if the request was refused.
    connection: Option<u64>,
    bytes: AtomicUsize,
    has_started: AtomicBool,
}

impl Requests {
    /// Reserves memory for a request with `header_bytes`. If there is none, closes the connection that uses most, of
    /// this peer or of all. Refuses the request if that is this connection, or if this connection was closed. A refused
    /// request also has a room, so that it counts as queued until it ends.
    pub(super) fn begin(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        peer: Peer,
        header_bytes: usize,
    ) -> Result<RequestRoom, RequestRoom> {
        let bytes = REQUEST_BYTES + header_bytes;
        let room = |connection, bytes| RequestRoom {
            requests: self.clone(),
            connection,
            bytes: AtomicUsize::new(bytes),
            has_started: AtomicBool::new(false),
        };
        let mut used = self.lock();
        used.queued += 1;
        while let Err(of) = used.room(peer, bytes) {
            match used.heaviest(of) {
                Some(heaviest) if heaviest.id() != connection.id() => {
                    heaviest.give_way();
                    used.end_all(heaviest.id());
                }
                // This connection itself uses most: it is refused, and no other pays for it.
                _ => return Err(room(None, 0)),
            }
        }
        // A closed connection may still bring requests until its task ends. Counting them would bring its entry back.
        if connection.gave_way() {
            return Err(room(None, 0));
        }
        used.bytes += bytes;
        let new = || ConnectionUse { connection: connection.clone(), peer, bytes: 0, running: 0 };
        used.connections.entry(connection.id()).or_insert_with(new).bytes += bytes;
        Ok(room(Some(connection.id()), bytes))
    }

    /// Returns `true` if so many requests are queued that connections with many requests must wait.
    pub(super) fn is_crowded(&self) -> bool {
        self.lock().queued > REQUESTS_QUEUED_MAX
    }

    fn lock(&self) -> MutexGuard<'_, Use> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Use {
    /// Checks whether `bytes` more fit. If not, returns the peer that must give up memory, or `None` for any.
    fn room(&self, peer: Peer, bytes: usize) -> Result<(), Option<Peer>> {
        if self.bytes + bytes > REQUESTS_BYTES_MAX {
            return Err(None);
        }
        // A linear scan: there are seldom more than a few hundred connections here, only of strangers.
        let of_peer: usize = self.connections.values().filter(|one| one.peer == peer).map(|one| one.bytes).sum();
        if of_peer + bytes > PEER_REQUESTS_BYTES_MAX { Err(Some(peer)) } else { Ok(()) }
    }

    fn heaviest(&self, of: Option<Peer>) -> Option<Arc<Connection>> {
        let all = self.connections.values().filter(|one| of.is_none_or(|peer| one.peer == peer));
        all.max_by_key(|one| one.bytes).map(|one| one.connection.clone())
    }

    /// Moves the requests of a closed connection to those that wait for their last turn.
    fn end_all(&mut self, connection: u64) {
        let Some(used) = self.connections.remove(&connection) else { return };
        self.bytes -= used.bytes;
        self.queued += used.running;
    }

    /// Returns the entry of a request's connection; `None` once the connection was closed, or if the request was
    /// refused.
    fn of_request(&mut self, connection: Option<u64>) -> Option<&mut ConnectionUse> {
        self.connections.get_mut(&connection?)
    }

    fn give_back(&mut self, connection: Option<u64>, bytes: usize) {
        let Some(used) = self.of_request(connection) else { return };
        used.bytes -= bytes;
        self.bytes -= bytes;
    }

    fn end(&mut self, connection: Option<u64>, has_started: bool) {
        let Some(used) = self.of_request(connection) else {
            self.queued -= 1;
            return;
        };
        used.running -= usize::from(has_started);
        let (id, is_idle) = (used.connection.id(), used.bytes == 0 && used.running == 0);
        self.queued -= usize::from(!has_started);
        if is_idle {
            self.connections.remove(&id);
        }
    }
}

impl RequestRoom {
    /// Records the first turn of the request's task.
    pub(super) fn start(&self) {
        let mut used = self.requests.lock();
        let Some(of_connection) = used.of_request(self.connection) else { return };
        of_connection.running += 1;
        used.queued -= 1;
        self.has_started.store(true, Ordering::Release);
    }

    /// Returns the memory before the request ends, because a known client signed it.
    pub fn give_back(&self) {
        self.give_back_in(&mut self.requests.lock());
    }

    fn give_back_in(&self, used: &mut Use) {
        used.give_back(self.connection, self.bytes.swap(0, Ordering::AcqRel));
    }
}

impl Drop for RequestRoom {
    fn drop(&mut self) {
        let mut used = self.requests.lock();
        // The lock is taken once for both steps, because thousands of requests may end at the same time.
        self.give_back_in(&mut used);
        used.end(self.connection, self.has_started.load(Ordering::Acquire));
    }
}

#[cfg(test)]
mod tests {
    use super::super::connections::tests::{connections, peer};
    use super::super::connections::{ConnectionSlot, Connections};
    use super::super::limits::STREAMS_PER_CONNECTION_MAX;
    use super::*;

    fn open(connections: &Arc<Connections>, last: u8) -> ConnectionSlot {
        connections.open(peer(last), false).unwrap()
    }

    fn fill(requests: &Arc<Requests>, room: &ConnectionSlot) -> Vec<RequestRoom> {
        let connection = room.connection();
        std::iter::from_fn(|| requests.begin(connection, connection.peer(), 12_000).ok()).collect()
    }

    #[tokio::test]
    async fn a_connection_with_many_requests_gives_way_to_others_and_not_to_its_own() {
        let (connections, requests) = (connections(100, 100), Arc::new(Requests::default()));
        let [greedy, modest, elsewhere] = [1, 1, 2].map(|last| open(&connections, last));
        let many = fill(&requests, &greedy);
        assert!(many.len() < PEER_REQUESTS_BYTES_MAX / 12_000 && !greedy.connection().gave_way());
        let _other = requests.begin(elsewhere.connection(), elsewhere.connection().peer(), 500).ok().unwrap();
        assert!(!greedy.connection().gave_way(), "another address has its own room");
        let few = requests.begin(modest.connection(), modest.connection().peer(), 500).ok().unwrap();
        assert!(greedy.connection().gave_way() && !modest.connection().gave_way());
        let late = requests.begin(greedy.connection(), greedy.connection().peer(), 500);
        assert!(late.is_err(), "a connection that was cut begins nothing");
        assert!(requests.is_crowded(), "its requests hold their memory until they end");
        few.give_back();
        drop((many, few, late));
        let used = requests.lock();
        assert_eq!((used.bytes, used.queued), (REQUEST_BYTES + 500, 1), "each gives back once");
    }

    #[tokio::test]
    async fn all_strangers_together_have_a_bound() {
        let (connections, requests) = (connections(100, 100), Arc::new(Requests::default()));
        let rooms: Vec<ConnectionSlot> = (1..10).map(|last| open(&connections, last)).collect();
        let _held: Vec<_> = rooms.iter().map(|room| fill(&requests, room)).collect();
        assert!(requests.lock().bytes <= REQUESTS_BYTES_MAX);
    }

    #[tokio::test]
    async fn as_many_calls_as_one_connection_may_begin_have_room_with_usual_heads() {
        let (connections, requests) = (connections(100, 100), Arc::new(Requests::default()));
        let room = open(&connections, 1);
        let begin = |_| requests.begin(room.connection(), room.connection().peer(), 1024).ok();
        let calls: Vec<_> = (0..STREAMS_PER_CONNECTION_MAX).map_while(begin).collect();
        assert_eq!(calls.len(), 1024);
    }
}
