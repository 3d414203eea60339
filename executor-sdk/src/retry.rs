//! Retries with jitter, so that callers do not retry at the same moment.

use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder, Retryable as _};

use crate::ClientError;
use crate::limits::{BACKOFF_FIRST, BACKOFF_MOST};

/// Runs `operation` again, after growing pauses with jitter, while it fails with an error that is
/// [retryable](ClientError::is_retryable) and the pauses add up to no more than `most`. No pause is shorter than the broker
/// [asks for](ClientError::retry_after).
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(client: apiary_executor_sdk::Client) -> Result<(), apiary_executor_sdk::ClientError> {
/// let spec = client.spec("finance", "invoice.send");
/// apiary_executor_sdk::retry(Duration::from_secs(60), || client.submit(&spec)).await?;
/// # Ok(())
/// # }
/// ```
pub async fn retry<T, F, O>(most: Duration, operation: O) -> Result<T, ClientError>
where
    O: FnMut() -> F,
    F: Future<Output = Result<T, ClientError>>,
{
    let mut left = most;
    let next = |error: &ClientError, pause: Option<Duration>| {
        let pause = pause?.max(error.retry_after());
        left = left.checked_sub(pause)?;
        Some(pause)
    };
    operation.retry(policy()).when(ClientError::is_retryable).adjust(next).await
}

/// Returns an endless sequence of pauses between tries.
pub(crate) fn pauses() -> ExponentialBackoff {
    policy().build()
}

fn policy() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(BACKOFF_FIRST)
        .with_max_delay(BACKOFF_MOST)
        .with_jitter()
        .without_max_times()
}
