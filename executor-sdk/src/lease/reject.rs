//! Rejection of work.

use std::time::Duration;

use tokio::time::timeout;

use super::examine::Rejection;
use super::subject::Subject;
use crate::Client;
use crate::guard::Guard;

/// Reports a rejection to the broker, for at most `most`, so that the work is set aside instead of handed out
/// repeatedly. Counts a refusal by the guard. Errors are only logged, because the caller could do nothing about them.
pub async fn reject(client: &Client, guard: &Guard, subject: &Subject, rejection: &Rejection, most: Duration) {
    let (process_id, attempt) = (subject.process_id, subject.attempt);
    let words = rejection.words();
    match rejection.rule() {
        Some(rule) => {
            let guard_refusals = guard.refusals().count(rule);
            tracing::warn!(%process_id, attempt, rule, guard_refusals, reason = words, "the guard refused work");
        }
        None => {
            tracing::error!(%process_id, attempt, outcome = rejection.kind().as_str(), reason = words, "work not done")
        }
    }
    let ending = subject.ended(client, rejection.kind(), words);
    let sent = async { ending?.send(client).await };
    match timeout(most, sent).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%process_id, attempt, %error, "the broker refused the rejection"),
        Err(_) => tracing::warn!(%process_id, attempt, "the rejection did not reach the broker"),
    }
}
