//! Reader of whole request bodies, with bounds of size, time and memory: per body, per share, and for all bodies
//! together.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Buf as _;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::limits::{
    BODIES_WAITING_MAX, BODY_GRACE, REFUSAL_PAUSE, REFUSALS_HELD_MAX, REQUEST_BYTES, ROOM_LOOK, ROOM_WAIT_MAX,
};
use super::{Blocks, Peer};

/// A group of bodies that share a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// All strangers (clients without a known signature) from one peer.
    Stranger(Peer),
    /// The connection of a known client, by its id.
    Known(u64),
}

/// Bounds on the bodies in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// All bodies together.
    pub bytes_max: usize,
    /// Bodies of all strangers; the rest is reserved for known clients.
    pub strangers_bytes_max: usize,
    /// Bodies of one share; larger than the largest body.
    pub share_bytes_max: usize,
    /// Size up to which a body displaces others at once, without a grace period. Most calls are that small.
    pub small_bytes_max: usize,
}

/// Bounds on one body.
#[derive(Clone, Copy)]
pub struct BodyBounds {
    /// Maximum number of bytes.
    pub bytes_max: usize,
    /// Bytes beyond the maximum that are read and discarded, so that the client reads the answer instead of a reset.
    pub discard_bytes_max: usize,
    /// Longest wait for the next bytes.
    pub stall_max: Duration,
    /// Longest time for the whole body.
    pub time_max: Duration,
    /// Returns the body's length as declared in its first bytes, or `None` if they do not declare it yet.
    pub length: fn(&[u8]) -> Option<usize>,
}

/// An error of reading a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// More bytes than the bound.
    TooLarge,
    /// Bytes that came too slowly.
    Slow,
    /// A connection or stream that broke.
    Broken,
    /// No memory left, because of other bodies.
    NoRoom,
}

/// A complete body, and its reservation of memory.
pub struct HeldBody {
    /// The bytes.
    pub blocks: Blocks,
    /// The reservation, to be kept for as long as the blocks are in memory, wherever they move.
    pub hold: BodyHold,
}

/// Reader of bodies that bounds their memory in total. Clones share the bounds.
#[derive(Clone)]
pub struct Bodies(Arc<BodyAccount>);

struct BodyAccount {
    limits: BodyLimits,
    state: Mutex<State>,
    freed: Notify,
    refusals: Semaphore,
}

#[derive(Default)]
struct State {
    next_id: u64,
    bytes: usize,
    strangers_bytes: usize,
    waiting: usize,
    shares: HashMap<Share, ShareUse>,
}

#[derive(Default)]
struct ShareUse {
    bytes: usize,
    /// Incomplete bodies, the oldest first.
    arriving: BTreeMap<u64, Arrival>,
}

struct Arrival {
    begun: Instant,
    bytes: usize,
    cut: CancellationToken,
}

/// A body's reservation of memory, returned when dropped. A displaced body's is returned at once, under the lock, and
/// its reader ends soon after.
pub struct BodyHold {
    shared: Arc<BodyAccount>,
    share: Share,
    id: u64,
    bytes: usize,
    cut: CancellationToken,
}

/// A body's place among those that wait for memory.
struct Waiting<'s>(&'s BodyAccount);

impl Bodies {
    /// Returns a reader with these bounds.
    pub fn new(limits: BodyLimits) -> Self {
        Self(Arc::new(BodyAccount {
            limits,
            state: Mutex::default(),
            freed: Notify::new(),
            refusals: Semaphore::new(REFUSALS_HELD_MAX),
        }))
    }

    /// Returns the reserved bytes.
    pub fn bytes(&self) -> usize {
        self.0.lock().bytes
    }

    /// Reads a body.
    ///
    /// # Errors
    ///
    /// A body that is too large, too slow or broken, or for which no memory was free in time.
    pub async fn read<B: Body + Unpin>(
        &self,
        share: Share,
        body: B,
        bounds: BodyBounds,
    ) -> Result<HeldBody, BodyError> {
        let read = self.read_at_once(share, body, bounds).await;
        // Clients often retry a refusal at once. Answering late slows them down, and the semaphore bounds the memory
        // that waiting answers cost.
        if matches!(read, Err(BodyError::NoRoom))
            && let Ok(_held) = self.0.refusals.try_acquire()
        {
            sleep(REFUSAL_PAUSE).await;
        }
        read
    }

    async fn read_at_once<B: Body + Unpin>(
        &self,
        share: Share,
        body: B,
        bounds: BodyBounds,
    ) -> Result<HeldBody, BodyError> {
        let end = Instant::now() + bounds.time_max;
        let mut hold = BodyHold::begin(&self.0, share);
        hold.grow(REQUEST_BYTES).await?;
        // `biased`: a displaced body has lost its reservation, and must not read on.
        let cut = hold.cut.clone();
        let collected = tokio::select! {
            biased;
            () = cut.cancelled() => Err(BodyError::NoRoom),
            collected = timeout_at(end, collect(&mut hold, body, bounds)) => collected.unwrap_or(Err(BodyError::Slow)),
        };
        let blocks = collected?;
        // It may have been displaced after its last byte, before this task ran again.
        if !hold.arrived() {
            return Err(BodyError::NoRoom);
        }
        Ok(HeldBody { blocks, hold })
    }
}

async fn collect<B: Body + Unpin>(hold: &mut BodyHold, mut body: B, bounds: BodyBounds) -> Result<Blocks, BodyError> {
    let hint = body.size_hint();
    let beyond = bounds.bytes_max.saturating_add(bounds.discard_bytes_max);
    // Refuses by the declared length alone, before a byte is read.
    let declared = hint.exact().map_or(Some(0), |exact| usize::try_from(exact).ok());
    if declared.is_none_or(|declared| declared > beyond) {
        return Err(BodyError::TooLarge);
    }
    let (mut collected, mut seen) = (Blocks::default(), 0_usize);
    while let Some(frame) = timeout(bounds.stall_max, body.frame()).await.map_err(|_| BodyError::Slow)? {
        let Ok(mut data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        seen = seen.saturating_add(data.remaining());
        if seen > bounds.bytes_max {
            // Frees the memory now. The rest is read only for the client's sake, which would otherwise get a reset
            // instead of an answer.
            collected = Blocks::default();
            hold.shrink(REQUEST_BYTES);
            if seen > beyond {
                break;
            }
            continue;
        }
        // Reserved before the copy. While this waits, nothing is read, and flow control holds the client back.
        hold.grow(data.remaining()).await?;
        while data.has_remaining() {
            let chunk = data.chunk();
            collected.extend(chunk);
            data.advance(chunk.len());
        }
        if (bounds.length)(collected.beginning()).is_some_and(|length| length > bounds.bytes_max) {
            return Err(BodyError::TooLarge);
        }
    }
    if seen > bounds.bytes_max { Err(BodyError::TooLarge) } else { Ok(collected) }
}

impl BodyAccount {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Checks whether `bytes` more fit. If not, returns the share that must shrink, or `None` for all strangers.
    fn room(&self, limits: &BodyLimits, share: Share, bytes: usize) -> Result<(), Option<Share>> {
        let of_share = self.shares.get(&share).map_or(0, |used| used.bytes);
        if of_share + bytes > limits.share_bytes_max {
            return Err(Some(share));
        }
        let strangers = if matches!(share, Share::Stranger(_)) { self.strangers_bytes + bytes } else { 0 };
        if self.bytes + bytes > limits.bytes_max || strangers > limits.strangers_bytes_max {
            return Err(None);
        }
        Ok(())
    }

    fn add(&mut self, share: Share, id: u64, bytes: usize) {
        let used = self.shares.entry(share).or_default();
        used.bytes += bytes;
        if let Some(arrival) = used.arriving.get_mut(&id) {
            arrival.bytes += bytes;
        }
        self.bytes += bytes;
        if matches!(share, Share::Stranger(_)) {
            self.strangers_bytes += bytes;
        }
    }

    fn give_back(&mut self, share: Share, id: u64, bytes: usize) {
        self.bytes -= bytes;
        if matches!(share, Share::Stranger(_)) {
            self.strangers_bytes -= bytes;
        }
        let Some(used) = self.shares.get_mut(&share) else { return };
        used.bytes -= bytes;
        if let Some(arrival) = used.arriving.get_mut(&id) {
            arrival.bytes -= bytes;
        }
        self.forget_if_unused(share);
    }

    fn end_arrival(&mut self, share: Share, id: u64) -> Option<Arrival> {
        let arrival = self.shares.get_mut(&share)?.arriving.remove(&id);
        self.forget_if_unused(share);
        arrival
    }

    fn forget_if_unused(&mut self, share: Share) {
        if self.shares.get(&share).is_some_and(|used| used.bytes == 0 && used.arriving.is_empty()) {
            self.shares.remove(&share);
        }
    }

    /// Displaces the oldest incomplete body of share `of`, or, for `None`, of the stranger with the most bytes. Returns
    /// `false` if there is none that is older than `grace`.
    fn make_room(&mut self, of: Option<Share>, for_id: u64, grace: Duration) -> bool {
        let is_candidate = |(share, _): &(&Share, &ShareUse)| match of {
            Some(of) => **share == of,
            None => matches!(share, Share::Stranger(_)),
        };
        let shares = self.shares.iter().filter(is_candidate);
        let shares = shares.filter(|(_, used)| used.arriving.keys().any(|id| *id != for_id));
        // The heaviest stranger pays, so that many bodies from one peer displace each other before anyone else's.
        let Some((share, heaviest)) = shares.max_by_key(|(_, used)| used.bytes) else { return false };
        let mut arrivals = heaviest.arriving.iter().filter(|(id, _)| **id != for_id);
        let oldest = arrivals.next().filter(|(_, arrival)| arrival.begun.elapsed() >= grace);
        let Some((share, id)) = oldest.map(|(id, _)| (*share, *id)) else { return false };
        if let Some(arrival) = self.end_arrival(share, id) {
            // Given back here and not by the displaced task: the memory counts as free at once, and exactly once.
            self.give_back(share, id, arrival.bytes);
            arrival.cut.cancel();
        }
        true
    }
}

impl BodyHold {
    fn begin(shared: &Arc<BodyAccount>, share: Share) -> Self {
        let cut = CancellationToken::new();
        let mut state = shared.lock();
        let id = state.next_id;
        state.next_id += 1;
        let arrival = Arrival { begun: Instant::now(), bytes: 0, cut: cut.clone() };
        state.shares.entry(share).or_default().arriving.insert(id, arrival);
        drop(state);
        Self { shared: shared.clone(), share, id, bytes: 0, cut }
    }

    /// Reserves `bytes` more. Without room, another body is displaced, or this one waits up to [`ROOM_WAIT_MAX`].
    async fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        if self.try_grow(bytes) {
            return Ok(());
        }
        let shared = self.shared.clone();
        // Bounded: each waiting body holds a connection and what it has read so far.
        let Some(_waiting) = Waiting::begin(&shared) else { return Err(BodyError::NoRoom) };
        let end = Instant::now() + ROOM_WAIT_MAX;
        while !self.try_grow(bytes) {
            if Instant::now() >= end {
                return Err(BodyError::NoRoom);
            }
            tokio::select! {
                // Polls as well: a body's grace period can end without any memory being freed, and a notification
                // between `try_grow` and this line is lost.
                () = shared.freed.notified() => {}
                () = sleep(ROOM_LOOK) => {}
            }
        }
        Ok(())
    }

    fn try_grow(&mut self, bytes: usize) -> bool {
        let limits = &self.shared.limits;
        let is_small = self.bytes + bytes <= limits.small_bytes_max;
        let grace = if is_small { Duration::ZERO } else { BODY_GRACE };
        let mut state = self.shared.lock();
        if self.cut.is_cancelled() {
            return false;
        }
        while let Err(of) = state.room(limits, self.share, bytes) {
            if !state.make_room(of, self.id, grace) {
                return false;
            }
        }
        state.add(self.share, self.id, bytes);
        self.bytes += bytes;
        true
    }

    /// Returns the reservation except for `bytes`.
    fn shrink(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        let mut state = self.shared.lock();
        // Whoever displaced this body has given its bytes back already.
        if excess == 0 || self.cut.is_cancelled() {
            return;
        }
        self.bytes -= excess;
        state.give_back(self.share, self.id, excess);
        drop(state);
        self.shared.freed.notify_waiters();
    }

    /// Marks the body complete: it is not displaced any more, and counts without the overhead of its request. Returns
    /// `false` if it was displaced.
    fn arrived(&mut self) -> bool {
        self.shrink(self.bytes.saturating_sub(REQUEST_BYTES));
        self.shared.lock().end_arrival(self.share, self.id).is_some()
    }
}

impl Drop for BodyHold {
    fn drop(&mut self) {
        self.shrink(0);
        self.shared.lock().end_arrival(self.share, self.id);
    }
}

impl<'s> Waiting<'s> {
    fn begin(shared: &'s BodyAccount) -> Option<Self> {
        let mut state = shared.lock();
        if state.waiting >= BODIES_WAITING_MAX {
            return None;
        }
        state.waiting += 1;
        Some(Self(shared))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

#[cfg(test)]
mod tests;
