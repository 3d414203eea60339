//! The requests of strangers that are in progress, bounded by the memory that they take before anybody has looked at them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{PEER_REQUESTS_BYTES_MAX, REQUEST_BYTES, REQUESTS_BYTES_MAX, REQUESTS_QUEUED_MAX};
use super::{Connection, Peer};

/// Requests of strangers. A request's task may start late where many come at once, so they are counted where they come in: one
/// connection may have a thousand streams, each with a large head.
#[derive(Default)]
pub(super) struct Requests(Mutex<Use>);

#[derive(Default)]
struct Use {
    /// Of requests in progress.
    bytes: usize,
    /// Requests whose tasks have yet to have their first turn, or their last. They hold their memory until then, and with many
    /// connections that is not soon.
    queued: usize,
    connections: HashMap<u64, ConnectionUse>,
}

struct ConnectionUse {
    connection: Arc<Connection>,
    peer: Peer,
    bytes: usize,
    /// Requests that have had their first turn.
    running: usize,
}

/// A request's part of the memory, given back when it is dropped. A request finds it among its extensions.
pub struct RequestRoom {
    requests: Arc<Requests>,
    /// `None` if the request was refused.
    connection: Option<u64>,
    bytes: AtomicUsize,
    has_started: AtomicBool,
}

impl Requests {
    /// Takes room for a request with so many bytes of headers. Where there is none, the connection that takes most of it is cut, of
    /// this peer or of all. Refuses the request if that is this very connection, or if it was cut; a refused request has room until
    /// it ends, too.
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
                _ => return Err(room(None, 0)),
            }
        }
        if connection.gave_way() {
            return Err(room(None, 0));
        }
        used.bytes += bytes;
        let new = || ConnectionUse { connection: connection.clone(), peer, bytes: 0, running: 0 };
        used.connections.entry(connection.id()).or_insert_with(new).bytes += bytes;
        Ok(room(Some(connection.id()), bytes))
    }

    /// Returns whether so many requests wait for their turn that those who bring many are to wait, too.
    pub(super) fn is_crowded(&self) -> bool {
        self.lock().queued > REQUESTS_QUEUED_MAX
    }

    fn lock(&self) -> MutexGuard<'_, Use> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Use {
    /// Whether there is room; if not, of which peer some must give way, or `None` for any.
    fn room(&self, peer: Peer, bytes: usize) -> Result<(), Option<Peer>> {
        if self.bytes + bytes > REQUESTS_BYTES_MAX {
            return Err(None);
        }
        // Seldom more than a few hundred connections, and only of strangers.
        let of_peer: usize = self.connections.values().filter(|one| one.peer == peer).map(|one| one.bytes).sum();
        if of_peer + bytes > PEER_REQUESTS_BYTES_MAX { Err(Some(peer)) } else { Ok(()) }
    }

    fn heaviest(&self, of: Option<Peer>) -> Option<Arc<Connection>> {
        let all = self.connections.values().filter(|one| of.is_none_or(|peer| one.peer == peer));
        all.max_by_key(|one| one.bytes).map(|one| one.connection.clone())
    }

    /// Counts the requests of a connection that was cut among those that end.
    fn end_all(&mut self, connection: u64) {
        let Some(used) = self.connections.remove(&connection) else { return };
        self.bytes -= used.bytes;
        self.queued += used.running;
    }

    /// A connection that was cut is not among these any more, and begins no request.
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
    /// Notes that the request's task has its first turn.
    pub(super) fn start(&self) {
        let mut used = self.requests.lock();
        let Some(of_connection) = used.of_request(self.connection) else { return };
        of_connection.running += 1;
        used.queued -= 1;
        self.has_started.store(true, Ordering::Release);
    }

    /// Gives the room back before the request ends: somebody known signed it.
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
        self.give_back_in(&mut used);
        used.end(self.connection, self.has_started.load(Ordering::Acquire));
    }
}

#[cfg(test)]
mod tests {
    use super::super::connections::tests::{connections, peer};
    use super::super::connections::{Connections, Room};
    use super::super::limits::STREAMS_PER_CONNECTION_MAX;
    use super::*;

    fn open(connections: &Arc<Connections>, last: u8) -> Room {
        connections.open(peer(last), false).unwrap()
    }

    fn fill(requests: &Arc<Requests>, room: &Room) -> Vec<RequestRoom> {
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
        let rooms: Vec<Room> = (1..10).map(|last| open(&connections, last)).collect();
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
