//! Open connections, bounded in total and per peer. When there is no room for another, one of them is closed.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Peer;
use super::limits::{KNOWN_IDLE_MIN, LONG_CALLS_OF_CONNECTION_MAX, REFUSED_REQUESTS_MAX, STAY_MIN};

/// Bounds on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at the same time.
    pub connections_max: usize,
    /// Connections of strangers from one peer at the same time. A connection with a permitted call counts only toward
    /// the total.
    pub connections_per_peer_max: usize,
    /// Longest time from opening to the first request, including the handshake.
    pub first_request_timeout: Duration,
    /// Longest time without a request.
    pub idle_timeout: Duration,
}

/// The open connections of a door.
pub struct Connections {
    limits: ConnectionLimits,
    start: Instant,
    open: Mutex<OpenConnections>,
}

#[derive(Default)]
struct OpenConnections {
    next_id: u64,
    count: usize,
    peers: HashMap<Peer, BTreeMap<u64, Arc<Connection>>>,
    refusals: Refusals,
    /// `true` if the connection closed last had only just been opened.
    is_hasty: bool,
}

/// Connections closed or refused for want of room, since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusals {
    /// Connections that were closed to make room.
    pub(super) gave_way: u64,
    /// New connections that were refused.
    pub(super) refused: u64,
}

/// An open connection. Handlers find it in the request's extensions.
#[derive(Debug)]
pub struct Connection {
    id: u64,
    peer: Peer,
    start: Instant,
    opened_ms: u64,
    /// `true` once a call with a known signature came over it.
    is_known: AtomicBool,
    /// `true` once a request with a forwarding header came from an untrusted address.
    claims_to_forward: AtomicBool,
    requests: AtomicU64,
    requests_open: AtomicU32,
    long_calls: AtomicUsize,
    /// Requests that an honest client does not keep open for long: their message is incomplete, or they stream without
    /// a signature.
    suspects: AtomicU32,
    /// Requests refused for want of room.
    refused: AtomicU32,
    last_ms: AtomicU64,
    cut: CancellationToken,
}

/// A connection's place among the open ones, returned when dropped.
pub(super) struct ConnectionSlot {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

/// Guard of a request in progress.
pub(super) struct RequestGuard(Arc<Connection>);

/// Guard of a call that may last for an unlimited time, such as a stream.
pub struct LongCall(Arc<Connection>);

/// Guard of a request that an honest client does not keep open for long.
pub struct Suspect(Arc<Connection>);

impl Connections {
    /// Returns an empty set of connections.
    pub fn new(limits: ConnectionLimits) -> Self {
        Self { limits, start: Instant::now(), open: Mutex::default() }
    }

    /// Returns the number of open connections.
    pub fn count(&self) -> usize {
        self.lock().count
    }

    /// Returns the bounds.
    pub fn limits(&self) -> ConnectionLimits {
        self.limits
    }

    /// Makes room for a connection. If there is none, closes a stranger's connection, from the peer with the most of
    /// them, or else one of a known client that is idle. `None` if no connection can be closed.
    pub(super) fn open(self: &Arc<Self>, peer: Peer, is_known: bool) -> Option<ConnectionSlot> {
        let mut open = self.lock();
        let strangers = |peer: &Peer, open: &OpenConnections| {
            open.peers.get(peer).map_or(0, |all| all.values().filter(|one| !one.is_known()).count())
        };
        // A peer at its bound displaces its own connections and never another peer's.
        if !is_known && strangers(&peer, &open) >= self.limits.connections_per_peer_max {
            let victim = open.peers.get(&peer).and_then(least_stranger);
            open.close(victim);
        }
        if open.count >= self.limits.connections_max {
            // Full in total: the peer with most strangers' connections loses one, so that one address cannot displace
            // many others.
            let heaviest = open.peers.keys().max_by_key(|peer| strangers(peer, &open)).copied();
            let stranger = heaviest.and_then(|peer| open.peers.get(&peer)).and_then(least_stranger);
            let victim = stranger.or_else(|| self.idlest_known(&open));
            if victim.is_none() {
                open.refusals.refused += 1;
                return None;
            }
            open.close(victim);
        }
        let id = open.next_id;
        open.next_id += 1;
        open.count += 1;
        let now_ms = millis(self.start.elapsed());
        let connection = Arc::new(Connection {
            id,
            peer,
            start: self.start,
            opened_ms: now_ms,
            is_known: AtomicBool::new(is_known),
            claims_to_forward: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            requests_open: AtomicU32::new(0),
            long_calls: AtomicUsize::new(0),
            suspects: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            last_ms: AtomicU64::new(now_ms),
            cut: CancellationToken::new(),
        });
        open.peers.entry(peer).or_default().insert(id, connection.clone());
        drop(open);
        Some(ConnectionSlot { connections: self.clone(), connection })
    }

    /// Returns `true` if a connection was closed that had only just been opened, and resets this.
    pub(super) fn take_haste(&self) -> bool {
        std::mem::take(&mut self.lock().is_hasty)
    }

    /// Returns the counts since the last call, and resets them.
    pub(super) fn take_refusals(&self) -> Refusals {
        std::mem::take(&mut self.lock().refusals)
    }

    fn idlest_known(&self, open: &OpenConnections) -> Option<Arc<Connection>> {
        let all = open.peers.values().flat_map(BTreeMap::values);
        let idle = all.filter(|one| one.idle_time() >= KNOWN_IDLE_MIN);
        idle.min_by_key(|one| (one.last_ms(), one.id)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        // No code that can panic runs under the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenConnections {
    /// Closes a connection. It stops counting at once, although its task may take a moment to end.
    fn close(&mut self, victim: Option<Arc<Connection>>) {
        let Some(victim) = victim else { return };
        victim.cut.cancel();
        if self.remove(&victim) {
            self.refusals.gave_way += 1;
            self.is_hasty = victim.age() < STAY_MIN;
        }
    }

    fn remove(&mut self, connection: &Connection) -> bool {
        let Some(all) = self.peers.get_mut(&connection.peer) else { return false };
        let existed = all.remove(&connection.id).is_some();
        if all.is_empty() {
            self.peers.remove(&connection.peer);
        }
        self.count -= usize::from(existed);
        existed
    }
}

/// Chooses the stranger's connection to close. The order is: without any request, idle, with an incomplete request
/// (each only after [`STAY_MIN`]), any other; within each, the longest open or idle. An honest client sends a complete
/// request at once and has its answer soon.
fn least_stranger(all: &BTreeMap<u64, Arc<Connection>>) -> Option<Arc<Connection>> {
    let strangers = all.values().filter(|one| !one.is_known());
    let rank = |one: &&Arc<Connection>| match one.requests.load(Ordering::Relaxed) {
        // Honest clients in the middle of a handshake look like silent ones for a moment: new connections come last.
        _ if one.age() < STAY_MIN => (3, one.opened_ms),
        0 => (0, one.opened_ms),
        _ if one.idle_time() >= STAY_MIN => (1, one.last_ms()),
        _ if one.suspects.load(Ordering::Relaxed) > 0 => (2, one.opened_ms),
        _ => (3, one.opened_ms),
    };
    strangers.min_by_key(rank).cloned()
}

impl Connection {
    /// Returns the connection's id, unique in this process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns `true` if a call with a known signature came over this connection.
    pub fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    /// Marks the connection as a known client's: it is not closed for strangers any more.
    pub fn vouch(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// Begins a part of a request that an honest client ends soon.
    pub fn suspect(self: &Arc<Self>) -> Suspect {
        self.suspects.fetch_add(1, Ordering::AcqRel);
        Suspect(self.clone())
    }

    /// Begins a call of unlimited duration; `None` if the connection has so many that no streams would be left for
    /// short calls.
    pub fn begin_long_call(self: &Arc<Self>) -> Option<LongCall> {
        // Added first and taken back if too many: with a check before, concurrent calls could exceed the bound.
        if self.long_calls.fetch_add(1, Ordering::AcqRel) >= LONG_CALLS_OF_CONNECTION_MAX {
            self.long_calls.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(LongCall(self.clone()))
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    fn age(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_millis(self.opened_ms))
    }

    /// Returns the number of requests begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.requests.load(Ordering::Acquire)
    }

    pub(super) fn begin(self: &Arc<Self>) -> RequestGuard {
        self.requests_open.fetch_add(1, Ordering::AcqRel);
        self.requests.fetch_add(1, Ordering::AcqRel);
        RequestGuard(self.clone())
    }

    /// Counts a request refused for want of room. After too many the connection is closed: refusing costs time, too.
    pub(super) fn note_refusal(&self) {
        if self.refused.fetch_add(1, Ordering::AcqRel) >= REFUSED_REQUESTS_MAX && !self.is_known() {
            self.give_way();
        }
    }

    /// Closes the connection to make room for others.
    pub(super) fn give_way(&self) {
        self.cut.cancel();
    }

    pub(super) fn gave_way(&self) -> bool {
        self.cut.is_cancelled()
    }

    pub(super) fn note_forwarding(&self) {
        self.claims_to_forward.store(true, Ordering::Relaxed);
    }

    /// Returns `true` for a known client behind an untrusted proxy.
    pub(super) fn is_forwarded_for_somebody_known(&self) -> bool {
        self.is_known() && self.claims_to_forward.load(Ordering::Relaxed)
    }

    /// Waits until the connection is closed to make room.
    pub(super) async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// Waits until the connection has been without a request for too long.
    pub(super) async fn silence(&self, limits: ConnectionLimits) {
        loop {
            let has_asked = self.begun() > 0;
            let patience = if has_asked { limits.idle_timeout } else { limits.first_request_timeout };
            let now = Instant::now();
            // A deadline computed once would be wrong: requests begin and end while this sleeps. It is computed again
            // after each sleep.
            let since = if self.is_busy() { now } else { self.start + Duration::from_millis(self.last_ms()) };
            let end = since + patience;
            if end <= now {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// Returns the time without a request in progress.
    fn idle_time(&self) -> Duration {
        if self.is_busy() {
            return Duration::ZERO;
        }
        self.start.elapsed().saturating_sub(Duration::from_millis(self.last_ms()))
    }

    fn is_busy(&self) -> bool {
        self.requests_open.load(Ordering::Acquire) > 0
    }

    fn last_ms(&self) -> u64 {
        self.last_ms.load(Ordering::Relaxed)
    }
}

impl ConnectionSlot {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.connection);
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        // The time before the count: once the count is 0, the idle time is measured from it.
        self.0.last_ms.store(millis(self.0.start.elapsed()), Ordering::Relaxed);
        self.0.requests_open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Suspect {
    fn drop(&mut self) {
        self.0.suspects.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for LongCall {
    fn drop(&mut self) {
        self.0.long_calls.fetch_sub(1, Ordering::AcqRel);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn connections(connections_max: usize, connections_per_peer_max: usize) -> Arc<Connections> {
        Arc::new(Connections::new(ConnectionLimits {
            connections_max,
            connections_per_peer_max,
            first_request_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
        }))
    }

    pub(in super::super) fn peer(last: u8) -> Peer {
        Peer::of([198, 51, 100, last].into())
    }

    fn is_cut(room: &ConnectionSlot) -> bool {
        room.connection().cut.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_too_many_connections_displaces_its_own() {
        let connections = connections(100, 3);
        let other = connections.open(peer(1), false).unwrap();
        let rooms: Vec<ConnectionSlot> = (0..3).map(|_| connections.open(peer(2), false).unwrap()).collect();
        // Of the three, one has a request in progress, one is idle, and one has sent nothing.
        let _request = rooms[0].connection().begin();
        drop(rooms[1].connection().begin());
        tokio::time::advance(STAY_MIN).await;
        let fourth = connections.open(peer(2), false).unwrap();
        assert_eq!(rooms.iter().map(is_cut).collect::<Vec<_>>(), [false, false, true]);
        let _request = fourth.connection().begin();
        let _unfinished = fourth.connection().suspect();
        let fifth = connections.open(peer(2), false).unwrap();
        assert_eq!(rooms.iter().map(is_cut).collect::<Vec<_>>(), [false, true, true]);
        let _request = fifth.connection().begin();
        tokio::time::advance(STAY_MIN).await;
        let sixth = connections.open(peer(2), false).unwrap();
        assert!(is_cut(&fourth) && !is_cut(&rooms[0]), "the one whose request is not complete");
        tokio::time::advance(STAY_MIN).await;
        let seventh = connections.open(peer(2), false).unwrap();
        assert!(is_cut(&sixth) && !is_cut(&rooms[0]) && !is_cut(&fifth), "the one that says nothing");
        let _eighth = connections.open(peer(2), false).unwrap();
        assert!(is_cut(&rooms[0]) && !is_cut(&seventh), "the oldest, and not one that has only just come");
        assert!(!is_cut(&other), "nobody else gives way");
        assert_eq!(connections.take_refusals(), Refusals { gave_way: 5, refused: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_is_full_the_peer_with_most_strangers_gives_way() {
        let connections = connections(4, 100);
        let few = connections.open(peer(1), false).unwrap();
        let many: Vec<ConnectionSlot> = (0..3).map(|_| connections.open(peer(2), false).unwrap()).collect();
        let _newcomer = connections.open(peer(3), false).unwrap();
        assert!(!is_cut(&few) && is_cut(&many[0]));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_known_gives_way_only_when_idle_and_after_all_strangers() {
        let connections = connections(3, 1);
        let rooms: Vec<ConnectionSlot> = (0..2).map(|_| connections.open(peer(1), true).unwrap()).collect();
        let _request = rooms[0].connection().begin();
        let stranger = connections.open(peer(1), false).unwrap();
        let _known = connections.open(peer(2), true).unwrap();
        assert!(is_cut(&stranger), "the stranger first");
        assert!(connections.open(peer(3), false).is_none(), "nobody was idle for long");
        tokio::time::advance(KNOWN_IDLE_MIN).await;
        let _newcomer = connections.open(peer(3), false).unwrap();
        assert_eq!(rooms.iter().map(is_cut).collect::<Vec<_>>(), [false, true]);
        assert_eq!(connections.take_refusals(), Refusals { gave_way: 2, refused: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_connection_and_a_request_in_progress_does_not() {
        let connections = connections(10, 10);
        let limits = connections.limits();
        let room = connections.open(peer(1), false).unwrap();
        let begun = Instant::now();
        room.connection().silence(limits).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        let request = room.connection().begin();
        let silence = room.connection().silence(limits);
        assert!(tokio::time::timeout(Duration::from_secs(3600), silence).await.is_err());
        drop(request);
        let ended = Instant::now();
        room.connection().silence(limits).await;
        assert_eq!(ended.elapsed(), Duration::from_secs(60));
    }

    #[tokio::test]
    async fn long_calls_leave_streams_for_short_ones() {
        let connections = connections(10, 10);
        let room = connections.open(peer(1), false).unwrap();
        let mut calls: Vec<LongCall> = std::iter::from_fn(|| room.connection().begin_long_call()).take(2000).collect();
        assert_eq!(calls.len(), LONG_CALLS_OF_CONNECTION_MAX);
        calls.pop();
        assert!(room.connection().begin_long_call().is_some());
    }
}
