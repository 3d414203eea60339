//! Spans wait for a collector in bounded memory; what is too much is dropped and counted.

use std::sync::Arc;

use apiary_daemon::traces::{self, Part, Span, TraceContext, TraceTotals};
use apiary_identity::SystemClock;

/// Spans that the queue holds.
const ROOM: u64 = 8192;

#[tokio::test]
async fn a_queue_that_nobody_reads_stays_bounded_and_what_is_dropped_is_counted() {
    let parent = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let unsampled = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    let request = Span::of_request(Part::Webhook, "before", parent);
    assert_eq!((request.context(), traces::are_kept()), (None, false), "without a collector there is no span");
    drop(request);

    let mut queue = traces::start(Arc::new(SystemClock)).unwrap();
    assert!(traces::start(Arc::new(SystemClock)).is_none(), "a process has one queue");
    assert_eq!(Span::within(Part::Broker, "nowhere", None).context(), None);
    assert_eq!(Span::within(Part::Broker, "unsampled", unsampled).context(), None);
    assert!(Span::of_request(Part::Webhook, "root", None).context().is_some());
    for _ in 0..ROOM + 99 {
        drop(Span::within(Part::Broker, "commit", parent));
    }
    assert_eq!(traces::totals(), TraceTotals { dropped: 100, ..TraceTotals::default() });

    let first = queue.next().await;
    assert!(first.body.windows(6).any(|part| part == b"commit") && first.body.windows(4).any(|part| part == b"root"));
    first.count_sent();
    let mut batches = 1;
    while let Some(batch) = queue.rest() {
        batch.count_failed();
        batches += 1;
    }
    let TraceTotals { sent, failed, dropped } = traces::totals();
    assert_eq!((sent + failed, dropped, batches), (ROOM, 100, 16));
    // There is room again.
    drop(Span::within(Part::Broker, "commit", parent));
    assert_eq!(traces::totals().dropped, 100);
}

#[tokio::test]
async fn a_place_holds_for_the_work_that_is_done_there_alone() {
    let place = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_eq!(traces::current(), None);
    let (inside, spawned) = traces::within(place, async {
        let spawned = tokio::spawn(async { traces::current() });
        (traces::within(None, async { traces::current() }).await, spawned.await.unwrap())
    })
    .await;
    assert_eq!((inside, spawned, traces::current()), (place, None, None));
}
