//! Spans of time: those that are measured, and those in which a broker comes to rest.

use std::time::Duration;

/// Waits for a span.
pub(crate) async fn pass(span: Duration) {
    // The span is what is measured: its end is no condition that could be awaited.
    tokio::time::sleep(span).await;
}
