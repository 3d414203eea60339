//! The connections that are open, in all and per peer, and which of them gives way when there is no room for another.

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
    /// Connections of strangers from one peer at the same time; those over which a permitted call came count only in all.
    pub connections_per_peer_max: usize,
    /// Longest time that a connection may take until its first request, the handshake included.
    pub first_request_timeout: Duration,
    /// Longest time that a connection may be without a request.
    pub idle_timeout: Duration,
}

/// The connections that are open.
pub struct Connections {
    limits: ConnectionLimits,
    start: Instant,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    count: usize,
    peers: HashMap<Peer, BTreeMap<u64, Arc<Connection>>>,
    refusals: Refusals,
    /// The last connection that gave way had only just come.
    is_hasty: bool,
}

/// Connections for which there was no room, since they were last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusals {
    /// Connections that were closed to make room.
    pub(super) gave_way: u64,
    /// Connections that found no room.
    pub(super) refused: u64,
}

/// An open connection. A request finds it among its extensions.
#[derive(Debug)]
pub struct Connection {
    id: u64,
    peer: Peer,
    start: Instant,
    opened_ms: u64,
    /// Over it came a call that somebody known signed.
    is_known: AtomicBool,
    /// Over it came a request that claims to be forwarded, and its proxy is not trusted.
    claims_to_forward: AtomicBool,
    requests: AtomicU64,
    requests_open: AtomicU32,
    long_calls: AtomicUsize,
    /// Requests that only somebody harmful keeps open for long: their message is on the way, or they stream without a signature.
    suspects: AtomicU32,
    /// Requests that found no room.
    refused: AtomicU32,
    last_ms: AtomicU64,
    cut: CancellationToken,
}

/// A connection's room, given back when it is dropped.
pub(super) struct Room {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

/// A request in progress.
pub(super) struct RequestOpen(Arc<Connection>);

/// A call without an end in sight, for as long as it is held.
pub struct LongCall(Arc<Connection>);

/// A request that only somebody harmful keeps open for long, for as long as it is held.
pub struct Suspect(Arc<Connection>);

impl Connections {
    /// Returns an empty set of connections.
    pub fn new(limits: ConnectionLimits) -> Self {
        Self { limits, start: Instant::now(), open: Mutex::default() }
    }

    /// Returns the bounds.
    pub fn limits(&self) -> ConnectionLimits {
        self.limits
    }

    /// Makes room for a connection: where there is none, a stranger's gives way, of the peer that has most of them. `None` if all
    /// are in use by somebody known.
    pub(super) fn open(self: &Arc<Self>, peer: Peer, is_known: bool) -> Option<Room> {
        let mut open = self.lock();
        let strangers = |peer: &Peer, open: &Open| {
            open.peers.get(peer).map_or(0, |all| all.values().filter(|one| !one.is_known()).count())
        };
        if !is_known && strangers(&peer, &open) >= self.limits.connections_per_peer_max {
            let victim = open.peers.get(&peer).and_then(least_stranger);
            open.close(victim);
        }
        if open.count >= self.limits.connections_max {
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
        Some(Room { connections: self.clone(), connection })
    }

    /// Returns whether a connection had to give way that had only just come.
    pub(super) fn take_haste(&self) -> bool {
        std::mem::take(&mut self.lock().is_hasty)
    }

    /// Returns what found no room since the last time, and counts anew.
    pub(super) fn take_refusals(&self) -> Refusals {
        std::mem::take(&mut self.lock().refusals)
    }

    fn idlest_known(&self, open: &Open) -> Option<Arc<Connection>> {
        let all = open.peers.values().flat_map(BTreeMap::values);
        let idle = all.filter(|one| one.idle_time() >= KNOWN_IDLE_MIN);
        idle.min_by_key(|one| (one.last_ms(), one.id)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // No code that can panic runs under the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Cuts a connection, and counts it as gone at once: its task may take a moment.
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

/// The stranger's connection that gives way first: one that came without any request, then one that is idle, then one with a request
/// that is not complete, each if it had a second for it; then any. Of each, the one that is open for the longest. Somebody honest
/// sends a request at once, all of it, and has its answer soon.
fn least_stranger(all: &BTreeMap<u64, Arc<Connection>>) -> Option<Arc<Connection>> {
    let strangers = all.values().filter(|one| !one.is_known());
    let rank = |one: &&Arc<Connection>| match one.requests.load(Ordering::Relaxed) {
        _ if one.age() < STAY_MIN => (3, one.opened_ms),
        0 => (0, one.opened_ms),
        _ if one.idle_time() >= STAY_MIN => (1, one.last_ms()),
        _ if one.suspects.load(Ordering::Relaxed) > 0 => (2, one.opened_ms),
        _ => (3, one.opened_ms),
    };
    strangers.min_by_key(rank).cloned()
}

impl Connection {
    /// Returns a number that no other connection of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns whether somebody known signed a call on this connection.
    pub fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    /// Notes that somebody known signed a call on this connection: it does not give way to strangers any more.
    pub fn vouch(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// Begins a part of a request that is over soon if whoever sends it is honest.
    pub fn suspect(self: &Arc<Self>) -> Suspect {
        self.suspects.fetch_add(1, Ordering::AcqRel);
        Suspect(self.clone())
    }

    /// Begins a call without an end in sight; `None` if the connection has so many that others would find no stream.
    pub fn begin_long_call(self: &Arc<Self>) -> Option<LongCall> {
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

    /// Returns how many requests have begun.
    pub(super) fn begun(&self) -> u64 {
        self.requests.load(Ordering::Acquire)
    }

    pub(super) fn begin(self: &Arc<Self>) -> RequestOpen {
        self.requests_open.fetch_add(1, Ordering::AcqRel);
        self.requests.fetch_add(1, Ordering::AcqRel);
        RequestOpen(self.clone())
    }

    /// Notes that a request found no room. Whoever goes on all the same is cut: refusing costs, too.
    pub(super) fn note_refusal(&self) {
        if self.refused.fetch_add(1, Ordering::AcqRel) >= REFUSED_REQUESTS_MAX && !self.is_known() {
            self.give_way();
        }
    }

    /// Cuts the connection for the sake of others.
    pub(super) fn give_way(&self) {
        self.cut.cancel();
    }

    pub(super) fn gave_way(&self) -> bool {
        self.cut.is_cancelled()
    }

    pub(super) fn note_forwarding(&self) {
        self.claims_to_forward.store(true, Ordering::Relaxed);
    }

    /// Returns whether somebody known comes through a proxy that is not trusted.
    pub(super) fn is_forwarded_for_somebody_known(&self) -> bool {
        self.is_known() && self.claims_to_forward.load(Ordering::Relaxed)
    }

    /// Waits until the connection has given way to another.
    pub(super) async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// Waits until the connection was without a request for too long.
    pub(super) async fn silence(&self, limits: ConnectionLimits) {
        loop {
            let has_asked = self.begun() > 0;
            let patience = if has_asked { limits.idle_timeout } else { limits.first_request_timeout };
            let now = Instant::now();
            let since = if self.is_busy() { now } else { self.start + Duration::from_millis(self.last_ms()) };
            let end = since + patience;
            if end <= now {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// How long it is without a request in progress.
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

impl Room {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.connection);
    }
}

impl Drop for RequestOpen {
    fn drop(&mut self) {
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

    fn is_cut(room: &Room) -> bool {
        room.connection().cut.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_too_many_connections_displaces_its_own() {
        let connections = connections(100, 3);
        let other = connections.open(peer(1), false).unwrap();
        let rooms: Vec<Room> = (0..3).map(|_| connections.open(peer(2), false).unwrap()).collect();
        // One has a request in progress, one is idle, and one has not said anything.
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
        let many: Vec<Room> = (0..3).map(|_| connections.open(peer(2), false).unwrap()).collect();
        let _newcomer = connections.open(peer(3), false).unwrap();
        assert!(!is_cut(&few) && is_cut(&many[0]));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_known_gives_way_only_when_idle_and_after_all_strangers() {
        let connections = connections(3, 1);
        let rooms: Vec<Room> = (0..2).map(|_| connections.open(peer(1), true).unwrap()).collect();
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
