//! Waiting for what must become true.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Waits until a condition holds; fails after half a minute.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !holds() {
            assert!(Instant::now() < deadline, "{caller}: not within 30 s: {what}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}
