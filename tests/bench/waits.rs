//! W: a hundred thousand processes whose `max_wait` ends at the same moment.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Clock as _, Role, SystemClock};
use apiary_tests::eventually_within;

use crate::deployment::Deployment;
use crate::figure::{Figure, Sheet, Unit};
use crate::load::{spec, submit_specs};
use crate::span::pass;
use crate::throughput::{BATCH_LARGE, SUBMITTERS};

/// Number of processes.
const WAITING: usize = 100_000;
/// Time from the first submit to that moment: long enough for all submits.
const AHEAD: Duration = Duration::from_secs(90);
/// Longest time for all expiries.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures the time from that moment to the last failure.
pub(crate) async fn measure(sheet: &Sheet) -> anyhow::Result<()> {
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    let submitters = deployment.members(Role::User, SUBMITTERS).await?;
    let reader = deployment.member(Role::User).await?.client;
    let over_ms = SystemClock.now_ms() + i64::try_from(AHEAD.as_millis())?;
    submit_specs(&submitters, WAITING, BATCH_LARGE, move |client, number| {
        let mut spec = spec(client, number);
        // Counted from the submit, which comes a moment later: the batches' deadlines are that much apart.
        spec.max_wait_ms = (over_ms - SystemClock.now_ms()).max(1);
        spec
    })
    .await?;
    pass(Duration::from_millis(u64::try_from(over_ms - SystemClock.now_ms())?)).await;
    let late_ms = last_ms(&reader).await? - over_ms;
    let name = format!("last of {WAITING} waits failed after");
    sheet.add(Figure::new(name, f64::from(i32::try_from(late_ms)?), Unit::Milliseconds));
    Ok(())
}

/// Waits until nothing waits any more, and returns the time of the last change.
async fn last_ms(reader: &Client) -> anyhow::Result<i64> {
    let waiting = v1::ProcessFilter { states: vec![v1::ProcessState::Waiting.into()], ..Default::default() };
    let one = v1::ListProcessesRequest { filter: Some(waiting), page_size: 1, ..Default::default() };
    eventually_within(PATIENCE, "all of them are failed", async || {
        reader.list_processes(one.clone()).await.ok()?.processes.is_empty().then_some(())
    })
    .await;
    let (mut last_ms, mut count, mut page_token) = (0, 0, String::new());
    loop {
        let request = v1::ListProcessesRequest { page_size: 1000, page_token, ..Default::default() };
        let page = reader.list_processes(request).await?;
        count += page.processes.len();
        last_ms = page.processes.iter().map(|process| process.state_since_ms).fold(last_ms, i64::max);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            anyhow::ensure!(count == WAITING, "{count} processes are there");
            return Ok(last_ms);
        }
    }
}
