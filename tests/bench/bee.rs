//! The executor that is measured.

use apiary_executor_sdk::{CancellationToken, ClientError, Executor, Failure, Output, Work};
use apiary_tests::TestColony;
use tokio::task::JoinHandle;

/// The executor type, and the function, of everything that is measured.
pub(crate) const BENCH: &str = "bench";

/// A running executor.
pub(crate) struct Bee {
    stop: CancellationToken,
    running: JoinHandle<Result<(), ClientError>>,
}

impl Bee {
    /// Starts an executor that calls `started` when a handler starts, and does nothing else.
    pub(crate) async fn start(
        colony: &TestColony,
        slots: usize,
        started: impl Fn(&Work) + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let client = colony.executor("bee", BENCH).await;
        let handler = move |work: Work| {
            started(&work);
            async { Ok::<_, Failure>(Output::none()) }
        };
        let executor = Executor::builder(client).executor_type(BENCH).slots(slots).handle(BENCH, handler).build()?;
        let stop = CancellationToken::new();
        Ok(Self { running: tokio::spawn(executor.run(stop.clone())), stop })
    }

    /// Stops it, and fails if it failed.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }
}
