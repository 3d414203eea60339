//! The requests of strangers that are in progress, bounded by the memory that they take before anybody has looked at them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{PEER_REQUESTS_BYTES_MAX, REQUEST_BYTES, REQUESTS_BYTES_MAX};
use super::{Connection, Peer};

/// Requests of strangers. A request's task may start late where many come at once, so they are counted where they come in: one
/// connection may have a thousand streams, each with a large head.
#[derive(Default)]
pub(super) struct Requests(Mutex<Use>);

#[derive(Default)]
struct Use {
    bytes: usize,
    connections: HashMap<u64, ConnectionUse>,
}

struct ConnectionUse {
    connection: Arc<Connection>,
    peer: Peer,
    bytes: usize,
}

/// A request's part of the memory, given back when it is dropped. A request finds it among its extensions.
pub struct RequestRoom {
    requests: Arc<Requests>,
    connection: u64,
    bytes: AtomicUsize,
}

impl Requests {
    /// Takes room for a request with so many bytes of headers. Where there is none, the connection that takes most of it is cut, of
    /// this peer or of all; `None` if that is this very connection.
    pub(super) fn begin(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        peer: Peer,
        header_bytes: usize,
    ) -> Option<RequestRoom> {
        let bytes = REQUEST_BYTES + header_bytes;
        let mut used = self.lock();
        while let Err(of) = used.room(peer, bytes) {
            let heaviest = used.heaviest(of)?;
            if heaviest.id() == connection.id() {
                return None;
            }
            heaviest.give_way();
            used.give_back(heaviest.id(), usize::MAX);
        }
        used.bytes += bytes;
        let new = || ConnectionUse { connection: connection.clone(), peer, bytes: 0 };
        used.connections.entry(connection.id()).or_insert_with(new).bytes += bytes;
        drop(used);
        Some(RequestRoom { requests: self.clone(), connection: connection.id(), bytes: AtomicUsize::new(bytes) })
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

    /// A connection that was cut has given back everything before.
    fn give_back(&mut self, connection: u64, bytes: usize) {
        let Some(used) = self.connections.get_mut(&connection) else { return };
        let bytes = bytes.min(used.bytes);
        used.bytes -= bytes;
        self.bytes -= bytes;
        if used.bytes == 0 {
            self.connections.remove(&connection);
        }
    }
}

impl RequestRoom {
    /// Gives the room back before the request ends: somebody known signed it.
    pub fn give_back(&self) {
        let bytes = self.bytes.swap(0, Ordering::AcqRel);
        self.requests.lock().give_back(self.connection, bytes);
    }
}

impl Drop for RequestRoom {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::connections::{Connections, Room};
    use super::super::limits::STREAMS_PER_CONNECTION_MAX;
    use super::super::{ConnectionLimits, Peer};
    use super::*;

    fn open(connections: &Arc<Connections>, last: u8) -> Room {
        connections.open(Peer::of([198, 51, 100, last].into()), false).unwrap()
    }

    fn connections() -> Arc<Connections> {
        Arc::new(Connections::new(ConnectionLimits {
            connections_max: 100,
            connections_per_peer_max: 100,
            first_request_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
        }))
    }

    fn fill(requests: &Arc<Requests>, room: &Room) -> Vec<RequestRoom> {
        let connection = room.connection();
        std::iter::from_fn(|| requests.begin(connection, connection.peer(), 12_000)).collect()
    }

    #[tokio::test]
    async fn a_connection_with_many_requests_gives_way_to_others_and_not_to_its_own() {
        let (connections, requests) = (connections(), Arc::new(Requests::default()));
        let [greedy, modest, elsewhere] = [1, 1, 2].map(|last| open(&connections, last));
        let many = fill(&requests, &greedy);
        assert!(many.len() < PEER_REQUESTS_BYTES_MAX / 12_000 && !greedy.connection().gave_way());
        let _other = requests.begin(elsewhere.connection(), elsewhere.connection().peer(), 500).unwrap();
        assert!(!greedy.connection().gave_way(), "another address has its own room");
        let few = requests.begin(modest.connection(), modest.connection().peer(), 500).unwrap();
        assert!(greedy.connection().gave_way() && !modest.connection().gave_way());
        few.give_back();
        drop((many, few));
        assert_eq!(requests.lock().connections.len(), 1, "each gives back once, and what was cut nothing more");
    }

    #[tokio::test]
    async fn all_strangers_together_have_a_bound() {
        let (connections, requests) = (connections(), Arc::new(Requests::default()));
        let rooms: Vec<Room> = (1..10).map(|last| open(&connections, last)).collect();
        let _held: Vec<_> = rooms.iter().map(|room| fill(&requests, room)).collect();
        assert!(requests.lock().bytes <= REQUESTS_BYTES_MAX);
    }

    #[tokio::test]
    async fn as_many_calls_as_one_connection_may_begin_have_room_with_usual_heads() {
        let (connections, requests) = (connections(), Arc::new(Requests::default()));
        let room = open(&connections, 1);
        let begin = |_| requests.begin(room.connection(), room.connection().peer(), 1024);
        let calls: Vec<_> = (0..STREAMS_PER_CONNECTION_MAX).map_while(begin).collect();
        assert_eq!(calls.len(), 1024);
    }
}
