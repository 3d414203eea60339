//! Follows one process to its end: log lines and progress, also over interruptions of the broker.

use std::time::Duration;

use apiary_executor_sdk::{Client, ClientError, Sighting, v1};
use uuid::Uuid;

use super::view::is_finished;

/// Pause before the next request to the broker.
const PAUSE: Duration = Duration::from_secs(1);

/// An observation of a process.
pub(super) enum Observation {
    /// A new log line.
    Line(v1::LogLine),
    /// A change of state or progress.
    Process(Box<v1::Process>),
}

/// Shows a process's log lines and changes until it is finished, and returns its end. `earlier` selects the earlier
/// lines; each line is shown once.
pub(super) async fn follow(
    client: &Client,
    process_id: Uuid,
    mut earlier: v1::ListLogsRequest,
    mut show: impl FnMut(Observation) -> anyhow::Result<()>,
) -> anyhow::Result<v1::Process> {
    earlier.process_id = process_id.to_string();
    let mut last = 0;
    loop {
        match once(client, &earlier, &mut last, &mut show).await {
            Ok(Some(process)) => return Ok(process),
            // The stream ended early; the broker, or another that answers, is asked again.
            Ok(None) => {}
            Err(error) if is_retryable(&error) => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(PAUSE).await;
        // After an interruption every missed line counts, not only the last few.
        earlier.last = 0;
    }
}

async fn once(
    client: &Client,
    earlier: &v1::ListLogsRequest,
    last: &mut i64,
    show: &mut impl FnMut(Observation) -> anyhow::Result<()>,
) -> anyhow::Result<Option<v1::Process>> {
    let request = v1::WatchRequest { process_id: earlier.process_id.clone(), logs: true, ..Default::default() };
    // Before the list, so that no line is missed between the two.
    let mut watch = client.watch(request).await?;
    let mut request = earlier.clone();
    loop {
        let page = client.list_logs(request.clone()).await?;
        show_lines(page.lines, last, show)?;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    while let Some(sighting) = watch.next_sighting().await {
        match sighting? {
            Sighting::Logs(lines) => show_lines(lines, last, show)?,
            Sighting::Process(process) => {
                let end = is_finished(process.state()).then(|| (*process).clone());
                show(Observation::Process(process))?;
                if end.is_some() {
                    return Ok(end);
                }
            }
        }
    }
    Ok(None)
}

fn show_lines(
    lines: Vec<v1::LogLine>,
    last: &mut i64,
    show: &mut impl FnMut(Observation) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for line in lines {
        if line.line > *last {
            *last = line.line;
            show(Observation::Line(line))?;
        }
    }
    Ok(())
}

fn is_retryable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<ClientError>().is_some_and(ClientError::is_retryable))
}
