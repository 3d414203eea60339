//! Waits for conditions, never for a fixed time.

use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Longest wait of [`eventually`]: long enough for two busy cores, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// First pause between two checks, which doubles after each check.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Longest pause between two checks.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// Result of one check: a `bool`, or an `Option` with a value to return.
pub trait Check {
    /// Value of a condition that holds.
    type Found;

    /// Returns the value if the condition holds.
    fn found(self) -> Option<Self::Found>;
}

impl Check for bool {
    type Found = ();

    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Check for Option<T> {
    type Found = T;

    fn found(self) -> Self {
        self
    }
}

/// Calls `look` until it returns `true` or `Some`, and returns the value. `what` describes the condition for the panic
/// after [`PATIENCE`].
///
/// ```no_run
/// # async fn state() -> &'static str { "succeeded" }
/// # async fn example() {
/// use apiary_executor_sdk::testing::eventually;
///
/// eventually("the process has succeeded", async || state().await == "succeeded").await;
/// # }
/// ```
#[track_caller]
pub fn eventually<C: Check>(what: &str, look: impl AsyncFnMut() -> C) -> impl Future<Output = C::Found> {
    eventually_within(PATIENCE, what, look)
}

/// Waits as [`eventually`] does, with another longest wait, which also ends a `look` that hangs.
#[track_caller]
pub fn eventually_within<C: Check>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> C,
) -> impl Future<Output = C::Found> {
    let caller = Location::caller();
    async move {
        let (end, mut pause) = (Instant::now() + patience, PAUSE_MIN);
        loop {
            let Ok(check) = timeout(end.saturating_duration_since(Instant::now()), look()).await else {
                in_vain(caller, patience, what);
            };
            match check.found() {
                Some(found) => return found,
                None if Instant::now() + pause < end => sleep(pause).await,
                None => in_vain(caller, patience, what),
            }
            pause = PAUSE_MAX.min(pause * 2);
        }
    }
}

/// Waits for tests that have no runtime.
pub mod blocking {
    use std::panic::Location;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use super::{Check, PAUSE_MAX, PAUSE_MIN, in_vain};

    /// Longest wait of [`eventually`], whose checks often start a program.
    pub const PATIENCE: Duration = Duration::from_secs(60);

    /// Waits as the function for asynchronous tests does, and blocks its thread.
    #[track_caller]
    pub fn eventually<C: Check>(what: &str, mut look: impl FnMut() -> C) -> C::Found {
        let (end, mut pause) = (Instant::now() + PATIENCE, PAUSE_MIN);
        loop {
            match look().found() {
                Some(found) => return found,
                None if Instant::now() + pause < end => sleep(pause),
                None => in_vain(Location::caller(), PATIENCE, what),
            }
            pause = PAUSE_MAX.min(pause * 2);
        }
    }
}

#[expect(clippy::panic, reason = "this is how a test that waited in vain fails")]
fn in_vain(caller: &Location<'_>, patience: Duration, what: &str) -> ! {
    panic!("{caller}: waited {patience:?} in vain until {what}")
}
