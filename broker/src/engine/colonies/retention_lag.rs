//! Warnings about processes that outstay their retention: the database grows.

use apiary_store::model::{ColonyKey, ProcessState, RetentionBacklog, RetentionHold, RetentionRange};
use apiary_store::{Store, StoreResult};

use crate::engine::colonies::findings::Finding;
use crate::engine::explain::{counted, moment, span};
use crate::engine::retention::RetentionProgress;
use crate::limits::RETENTION_HEALTH_ROWS;

/// Reads the processes of a colony that outstay their retention by more than is usual, and returns a finding for each state that has some.
pub(in crate::engine) async fn lagging(
    store: &dyn Store,
    progress: &RetentionProgress,
    colony: ColonyKey,
    now_ms: i64,
) -> StoreResult<Vec<Finding>> {
    let mut findings = Vec::new();
    for (state, kept_ms) in progress.states() {
        let due_ms = now_ms.saturating_sub(kept_ms);
        let range = RetentionRange {
            colony,
            state,
            // What was passed over is kept for a reason that ends by itself.
            after_ms: progress.front(colony, state),
            until_ms: due_ms.saturating_sub(progress.lag_ms()),
            rows: RETENTION_HEALTH_ROWS,
            now_ms,
            record_after_ms: now_ms,
        };
        let backlog = store.retention_backlog(&range).await?;
        if let Some(first_ms) = backlog.first_ms {
            let holds = store.list_retention_holds(colony).await?;
            let hold = holds.first().filter(|hold| hold.from_ms <= first_ms);
            findings.push(lags(state, &backlog, hold, due_ms.saturating_sub(first_ms), now_ms));
        }
    }
    Ok(findings)
}

/// Returns the finding about the processes of a state.
fn lags(
    state: ProcessState,
    backlog: &RetentionBacklog,
    hold: Option<&RetentionHold>,
    behind_ms: i64,
    now_ms: i64,
) -> Finding {
    let RetentionBacklog { free, keys, children, .. } = *backlog;
    let cause = match hold {
        Some(hold) => {
            format!("the hold `{}` keeps what finished at {} or later", hold.name, moment(hold.from_ms))
        }
        None => "they are deleted more slowly than others finish, or not at all: see the broker's log".to_owned(),
    };
    let least = if free + keys + children < RETENTION_HEALTH_ROWS { "" } else { "at least " };
    let besides: Vec<String> = [(keys, "by idempotency keys"), (children, "by open children")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, by)| format!("{count} {by}"))
        .collect();
    let besides = if besides.is_empty() {
        String::new()
    } else {
        format!("; of those between them, {} are kept", besides.join(" and "))
    };
    Finding {
        kind: "RETENTION_LAGS",
        text: format!(
            "{least}{} past the retention of `{}`, the first for {}: {cause}{besides}",
            counted(free, "process is", "processes are"),
            state.as_str(),
            span(behind_ms)
        ),
        subject: hold.map_or_else(|| state.as_str().to_owned(), |hold| hold.name.clone()),
        count: free,
        since_ms: Some(now_ms.saturating_sub(behind_ms)),
    }
}
