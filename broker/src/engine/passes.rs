//! The spans of passes, which is work that serves many calls at once: sweeps, claims for polls, group commits, hints.

use std::time::Instant;

use apiary_store::StoreResult;
use apiary_store::model::Lane;
use tracing::{Instrument as _, Span};

/// Runs a sweep in its span. At level info, because a sweep logs what it ended.
pub(super) async fn sweep<T>(kind: &'static str, pass: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    run(tracing::info_span!("sweep", kind), pass).await
}

/// Runs a claim for so many polls of a lane in its span.
pub(super) async fn dispatch<T>(
    lane: &Lane,
    polls: usize,
    pass: impl Future<Output = StoreResult<T>>,
) -> StoreResult<T> {
    run(tracing::debug_span!("dispatch", lane = lane.executor_type, polls), pass).await
}

/// Runs a group commit of so many items in its span.
pub(super) async fn commit<T>(
    writer: &'static str,
    items: usize,
    pass: impl Future<Output = StoreResult<T>>,
) -> StoreResult<T> {
    run(tracing::debug_span!("commit", writer, items), pass).await
}

/// Sends so many hints to other brokers in its span.
pub(super) async fn relay<T>(hints: usize, pass: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    run(tracing::debug_span!("relay", hints), pass).await
}

/// Runs a pass in a span and logs its end. Metrics of passes belong here: kind, time and success are known.
async fn run<T>(span: Span, pass: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    let begun = Instant::now();
    let timed = async {
        let done = pass.await;
        let duration_ms = begun.elapsed().as_micros() as f64 / 1000.0;
        match &done {
            Ok(_) => tracing::trace!(duration_ms, "pass ended"),
            Err(error) => tracing::debug!(duration_ms, %error, "pass failed"),
        }
        done
    };
    timed.instrument(span).await
}
