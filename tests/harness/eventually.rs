//! Waits for conditions, never for a fixed time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Longest wait of [`eventually`]: long enough for two busy cores, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two checks.
const PAUSE: Duration = Duration::from_millis(20);

/// Calls `look` until it returns `Some`, and returns the value. `what` describes the condition for the panic after
/// [`PATIENCE`].
///
/// ```no_run
/// # async fn state() -> &'static str { "succeeded" }
/// # async fn example() {
/// apiary_tests::eventually("the process has succeeded", async || (state().await == "succeeded").then_some(())).await;
/// # }
/// ```
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look).await
}

/// Waits as [`eventually`] does, with another longest wait, which also ends a `look` that hangs.
#[expect(clippy::panic, reason = "this is how a test that waited in vain fails")]
pub async fn eventually_within<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        match timeout(end.saturating_duration_since(Instant::now()), look()).await {
            Ok(Some(found)) => return found,
            Ok(None) if Instant::now() + PAUSE < end => sleep(PAUSE).await,
            Ok(None) | Err(_) => panic!("waited {patience:?} in vain until {what}"),
        }
    }
}
