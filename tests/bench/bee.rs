//! Executors of the SDK whose handler does nothing.

use apiary_executor_sdk::{CancellationToken, Client, ClientError, Executor, Failure, Output, Work};
use tokio::task::JoinHandle;

use crate::deployment::BENCH;

/// A running executor.
pub(crate) struct Bee {
    stop: CancellationToken,
    running: JoinHandle<Result<(), ClientError>>,
}

impl Bee {
    /// Starts an executor that calls `started` when a handler starts, and does nothing else.
    pub(crate) fn start(
        client: Client,
        slots: usize,
        started: impl Fn(&Work) + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let handler = move |work: Work| {
            started(&work);
            async { Ok::<_, Failure>(Output::none()) }
        };
        let executor = Executor::builder(client).executor_type(BENCH).slots(slots).handle(BENCH, handler).build()?;
        let stop = CancellationToken::new();
        Ok(Self { running: tokio::spawn(executor.run(stop.clone())), stop })
    }

    /// Stops it once it has reported its last results, and fails if it failed.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }
}
