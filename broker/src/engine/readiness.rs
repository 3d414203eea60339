//! Readiness checks of the database.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// The age up to which an answer is used again.
const REMEMBERED: Duration = Duration::from_millis(500);

/// A check of the database that is made once for many callers, and whose answer is kept for a moment: strangers
/// ask, too, and must not keep the database busy.
#[derive(Default)]
pub(super) struct Probe(Mutex<Option<(Instant, Option<String>)>>);

impl Probe {
    /// Returns the answer to this check, or the one of a moment ago.
    pub(super) async fn ask(&self, question: impl Future<Output = Option<String>>) -> Option<String> {
        let mut last = self.0.lock().await;
        if let Some((_, answer)) = last.as_ref().filter(|(asked, _)| asked.elapsed() < REMEMBERED) {
            return answer.clone();
        }
        let answer = question.await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }

    /// Does the same, but keeps only a failure: a success that costs nothing to repeat may be out of date.
    pub(super) async fn ask_unless_bad(&self, question: impl Future<Output = Option<String>>) -> Option<String> {
        let answer = self.ask(question).await;
        if answer.is_none() {
            *self.0.lock().await = None;
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_at_once_the_database_is_asked_once() {
        let (probe, asked) = (Probe::default(), AtomicUsize::new(0));
        let question = async || {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some("the disk is full".to_owned())
        };
        let answers = futures::future::join_all((0..1000).map(|_| probe.ask(question()))).await;
        assert!(answers.iter().all(|answer| answer.as_deref() == Some("the disk is full")));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(REMEMBERED).await;
        probe.ask(question()).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
