//! Logs a line for each process that ends, and for each failed attempt that will be repeated, while `apiary up` runs.

use std::convert::Infallible;
use std::time::Duration;

use apiary_daemon::Supervisor;
use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::{Process, ProcessFilter, ProcessState, WatchRequest};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::commands::process::view::{is_finished, state_word};
use crate::output::{counted, plain};

/// Pause before an ended watch is opened again.
const PAUSE: Duration = Duration::from_secs(1);
/// Characters of a logged reason; `apiary process show` shows all of it.
const REASON_CHARS_MAX: usize = 200;

/// Logs the changes of the colony's processes. Restarted after a panic.
pub(super) async fn tell(client: &Client, tasks: &Supervisor) -> Infallible {
    let mut life = tasks.life("activity lines", CancellationToken::new());
    loop {
        if let Some(never) = life.run(watch(client)).await {
            match never {}
        }
    }
}

async fn watch(client: &Client) -> Infallible {
    loop {
        let request = WatchRequest { filter: Some(ProcessFilter::default()), ..Default::default() };
        match client.watch(request).await {
            Ok(mut watch) => {
                while let Some(Ok(process)) = watch.next().await {
                    if let Some(line) = line(&process) {
                        tracing::info!("{line}");
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "cannot watch processes"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Formats function, event, outcome, duration and process; `None` for an intermediate state.
fn line(process: &Process) -> Option<String> {
    let Process { function, attempt, process_id, .. } = process;
    let state = process.state();
    let became = match state {
        ProcessState::Succeeded => format!("succeeded in {}", took(process)),
        ProcessState::Cancelled => format!("cancelled after {}", took(process)),
        state if is_finished(state) => {
            let attempts = counted(i64::from(*attempt), "attempt", "attempts");
            format!("{} after {} and {attempts}", state_word(state).replace('_', " "), took(process))
        }
        ProcessState::Blocked if process.blocked_cause == "backoff" => {
            let again = Timestamp::from_millisecond(process.state_until_ms).ok()?;
            format!("attempt {attempt} failed, the next is at {again:.0}")
        }
        _ => return None,
    };
    let reason: String = process.reason.chars().take(REASON_CHARS_MAX).collect();
    let reason = if reason.is_empty() || state == ProcessState::Succeeded { reason } else { format!(": {reason}") };
    let event = event(process);
    Some(plain(&format!("{function}{event} {became}{reason} (process {process_id})")))
}

/// Returns type and id of the event that the process came from, by the labels of whichever source it was.
fn event(process: &Process) -> String {
    let source = process.labels.keys().find_map(|key| key.strip_suffix("_event")).unwrap_or_default();
    let label = |name: &str| process.labels.get(&format!("{source}_{name}"));
    ["type", "event"].into_iter().filter_map(label).map(|word| format!(" {word}")).collect()
}

fn took(process: &Process) -> String {
    let ms = process.state_since_ms.saturating_sub(process.submitted_at_ms).max(0);
    format!("{:#}", SignedDuration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(state: ProcessState) -> Process {
        Process {
            process_id: "0198c0de".to_owned(),
            function: "stripe.event".to_owned(),
            state: state.into(),
            attempt: 2,
            submitted_at_ms: 1_763_690_000_000,
            state_since_ms: 1_763_690_001_250,
            labels: [("stripe_event", "evt_1"), ("stripe_type", "invoice.paid")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_line_names_function_event_outcome_and_duration() {
        assert_eq!(
            line(&process(ProcessState::Succeeded)).unwrap(),
            "stripe.event invoice.paid evt_1 succeeded in 1s 250ms (process 0198c0de)"
        );
        let mut dead = process(ProcessState::DeadLetter);
        dead.reason = "no\nrow".to_owned();
        dead.labels.clear();
        assert_eq!(
            line(&dead).unwrap(),
            "stripe.event dead letter after 1s 250ms and 2 attempts: no row (process 0198c0de)"
        );
        dead.attempt = 1;
        assert!(line(&dead).unwrap().contains(" and 1 attempt: no row"));
    }

    #[test]
    fn an_attempt_that_is_repeated_is_told_and_what_is_on_its_way_is_not() {
        let mut blocked = process(ProcessState::Blocked);
        (blocked.blocked_cause, blocked.reason) = ("backoff".to_owned(), "503".to_owned());
        blocked.state_until_ms = 1_763_690_010_000;
        let told = line(&blocked).unwrap();
        assert!(told.contains("attempt 2 failed, the next is at 2025-11-21T01:53:30Z: 503"), "{told}");
        blocked.blocked_cause = "parents".to_owned();
        for process in [blocked, process(ProcessState::Waiting), process(ProcessState::Running)] {
            assert_eq!(line(&process), None);
        }
    }
}
