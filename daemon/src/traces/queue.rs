//! The queue of spans that wait for the collector.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use apiary_identity::Clock;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::context::TraceContext;
use super::encode;
use super::span::{Kind, Part, Value};

/// Spans that wait for the collector. More are dropped, and counted.
const QUEUE_SPANS_MAX: usize = 8192;
/// Spans of one request to the collector.
const BATCH_SPANS_MAX: usize = 512;
/// Time that the first span of a request waits for more.
const BATCH_TIME: Duration = Duration::from_secs(1);

/// A span that has ended.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) part: Part,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) context: TraceContext,
    pub(super) parent_id: Option<[u8; 8]>,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) has_failed: bool,
}

/// The way of spans to the queue.
pub(super) struct Spans {
    queue: mpsc::Sender<Record>,
    clock: Arc<dyn Clock>,
    totals: Counts,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// Numbers of spans of this process since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceTotals {
    /// Accepted by the collector.
    pub sent: u64,
    /// Not accepted by the collector, or sent in vain.
    pub failed: u64,
    /// Dropped, because the queue was full.
    pub dropped: u64,
}

/// The way of this process; absent without a collector.
pub(super) static SPANS: OnceLock<Spans> = OnceLock::new();

/// Begins to keep spans; returns the queue for whoever sends them. `None` if that has been done before in this process.
pub fn start(clock: Arc<dyn Clock>) -> Option<TraceQueue> {
    let (queue, waiting) = mpsc::channel(QUEUE_SPANS_MAX);
    let spans = Spans { queue, clock, totals: Counts::default() };
    SPANS.set(spans).ok().map(|()| TraceQueue { waiting, taken: Vec::new() })
}

/// Returns true if spans are kept for a collector.
pub fn are_kept() -> bool {
    SPANS.get().is_some()
}

/// Returns the numbers of spans; zeros without a collector.
pub fn totals() -> TraceTotals {
    let Some(Spans { totals, .. }) = SPANS.get() else { return TraceTotals::default() };
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    TraceTotals { sent: read(&totals.sent), failed: read(&totals.failed), dropped: read(&totals.dropped) }
}

/// Returns the time in nanoseconds since 1970-01-01 UTC.
pub(super) fn now_ns() -> u64 {
    SPANS.get().map_or(0, |spans| u64::try_from(spans.clock.now().as_nanosecond()).unwrap_or(0))
}

impl Spans {
    /// Adds a span to the queue; drops it if there is no room, because a collector must slow nothing.
    pub(super) fn keep(&self, record: Record) {
        if self.queue.try_send(record).is_err() {
            self.totals.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The receiving end of the queue.
pub struct TraceQueue {
    waiting: mpsc::Receiver<Record>,
    /// Spans that were taken for the next request.
    taken: Vec<Record>,
}

/// Spans for one request to a collector.
pub struct TraceBatch {
    /// The request's body: an `ExportTraceServiceRequest` in protobuf.
    pub body: Vec<u8>,
    spans: u64,
}

impl TraceQueue {
    /// Waits for spans; returns those of the next request. May be cancelled: what was taken goes with the next.
    pub async fn next(&mut self) -> TraceBatch {
        if self.taken.is_empty() {
            // The other end is never dropped.
            self.taken.extend(self.waiting.recv().await);
        }
        let until = Instant::now() + BATCH_TIME;
        while self.taken.len() < BATCH_SPANS_MAX {
            match timeout_at(until, self.waiting.recv()).await {
                Ok(Some(record)) => self.taken.push(record),
                Ok(None) | Err(_) => break,
            }
        }
        TraceBatch::of(&std::mem::take(&mut self.taken))
    }

    /// Returns what waits now, for a last request; `None` if nothing does.
    pub fn rest(&mut self) -> Option<TraceBatch> {
        while self.taken.len() < BATCH_SPANS_MAX
            && let Ok(record) = self.waiting.try_recv()
        {
            self.taken.push(record);
        }
        let records = std::mem::take(&mut self.taken);
        (!records.is_empty()).then(|| TraceBatch::of(&records))
    }
}

impl TraceBatch {
    fn of(records: &[Record]) -> Self {
        Self { body: encode::request(records), spans: u64::try_from(records.len()).unwrap_or(0) }
    }

    /// Counts its spans as sent.
    pub fn count_sent(self) {
        if let Some(spans) = SPANS.get() {
            spans.totals.sent.fetch_add(self.spans, Ordering::Relaxed);
        }
    }

    /// Counts its spans as failed.
    pub fn count_failed(self) {
        if let Some(spans) = SPANS.get() {
            spans.totals.failed.fetch_add(self.spans, Ordering::Relaxed);
        }
    }
}
