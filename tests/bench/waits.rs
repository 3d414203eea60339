//! A hundred thousand processes whose `max_wait` ends at the same moment.

use std::time::Duration;

use apiary_executor_sdk::{retry, v1};
use apiary_identity::{Clock as _, SystemClock};
use apiary_tests::{TestColony, eventually_within};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::bee::BENCH;

/// Number of processes.
const WAITING: usize = 100_000;
/// Submits in progress at the same time.
const AT_ONCE: usize = 64;
/// Their `max_wait` when submitted: long enough for all of them to be submitted.
const MAX_WAIT_MS: i64 = 3_600_000;
/// Time between setting their common deadline and the deadline: longer than the sweeps' sleep, so that they know of it
/// in time.
const AHEAD_MS: i64 = 20_000;
/// Longest time for all expiries.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures the milliseconds from that moment to the last failure.
pub(crate) async fn last_late_ms(colony: &TestColony) -> anyhow::Result<i64> {
    let (submitter, reader) = (colony.user("submitter").await, colony.reader().await);
    let submits = futures::stream::iter(0..WAITING).map(|_| {
        let (submitter, mut spec) = (submitter.clone(), submitter.spec(BENCH, BENCH));
        spec.max_wait_ms = MAX_WAIT_MS;
        async move { retry(Duration::from_secs(60), || submitter.submit(&spec)).await.map(|_| ()) }
    });
    submits.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let over_ms = SystemClock.now_ms() + AHEAD_MS;
    colony.backend.execute(&format!("UPDATE queue SET wait_deadline_ms = {over_ms}")).await;
    let waiting = v1::ProcessFilter { states: vec![v1::ProcessState::Waiting.into()], ..Default::default() };
    let one = v1::ListProcessesRequest { filter: Some(waiting), page_size: 1, ..Default::default() };
    eventually_within(PATIENCE, "all of them are failed", async || {
        reader.list_processes(one.clone()).await.ok()?.processes.is_empty().then_some(())
    })
    .await;
    let (mut last_ms, mut count, mut page_token) = (over_ms, 0, String::new());
    loop {
        let request = v1::ListProcessesRequest { page_size: 1000, page_token, ..Default::default() };
        let page = reader.list_processes(request).await?;
        count += page.processes.len();
        last_ms = page.processes.iter().map(|process| process.state_since_ms).fold(last_ms, i64::max);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            anyhow::ensure!(count == WAITING, "{count} processes are there");
            return Ok(last_ms - over_ms);
        }
    }
}
