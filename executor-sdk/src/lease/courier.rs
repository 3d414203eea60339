//! Sender of a handler's reports, log lines and attributes: in the background, at most once a second, and the last ones
//! before the result.

use std::sync::Arc;

use apiary_daemon::Supervisor;
use apiary_identity::Envelope;
use apiary_protocol::Reason;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::subject::Subject;
use crate::journal::{Journal, LatestReport};
use crate::limits::{ATTRIBUTES_CALL_MAX, BACKOFF_MOST, LAST_WORDS, SAYING_PAUSE};
use crate::retry::pauses;
use crate::{Client, ClientError};

/// Sender of one attempt's reports, log lines and attributes.
pub(crate) struct Courier {
    journal: Arc<Journal>,
    ending: CancellationToken,
    lost: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Courier {
    /// Starts the sender; it ends with [`finish`](Self::finish), or when dropped.
    pub(crate) fn start(client: Client, subject: Subject, journal: Arc<Journal>, tasks: &Supervisor) -> Self {
        let (ending, lost) = (CancellationToken::new(), CancellationToken::new());
        let mut round = Round { client, subject, journal: Arc::clone(&journal), number: 0, lost: lost.clone() };
        let (mut life, told) = (tasks.life("reports", ending.clone()), ending.clone());
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            // A panic loses only the reports that were being sent.
            while life.run(round.run(&told)).await.is_none() && !life.is_hopeless() {}
        }));
        Self { journal, ending, lost, task }
    }

    /// Returns the buffer of this attempt.
    pub(super) fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal)
    }

    /// Waits until the lease is lost.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Sends the rest, as far as possible in a short time: the result must not wait for log lines. Returns `false` if
    /// the lease is lost.
    pub(crate) async fn finish(self) -> bool {
        self.journal.close();
        self.ending.cancel();
        if timeout(LAST_WORDS, self.task).await.is_err() {
            tracing::warn!("the last progress or log lines were not sent in time: the result goes first");
        }
        !self.lost.is_cancelled()
    }
}

/// The result of sending.
enum SendResult {
    /// Sent, or refused for good.
    Done,
    /// Failed for now; to be sent again later.
    Later,
    /// The lease is lost: the broker accepts nothing of this attempt any more.
    Lost,
}

struct Round {
    client: Client,
    subject: Subject,
    journal: Arc<Journal>,
    /// Number of the last report.
    number: i64,
    lost: CancellationToken,
}

impl Round {
    async fn run(&mut self, ending: &CancellationToken) {
        let mut tries = pauses();
        let mut earliest = Instant::now();
        loop {
            if self.journal.is_empty() {
                tokio::select! {
                    () = self.journal.some.notified() => {}
                    () = ending.cancelled() => {}
                }
            }
            // Collects for a moment, unless there is already much to send, or the work has ended.
            tokio::select! {
                () = sleep_until(earliest) => {}
                () = self.journal.much.notified() => {}
                () = ending.cancelled() => {}
            }
            match self.send_all().await {
                SendResult::Lost => {
                    self.journal.take_no_lines();
                    return self.lost.cancel();
                }
                SendResult::Later => {
                    // The end interrupts one pause, for an immediate last try. Later pauses run in full, or a broker
                    // that is down would be called in a busy loop.
                    let is_told = ending.is_cancelled();
                    tokio::select! {
                        () = sleep(tries.next().unwrap_or(BACKOFF_MOST)) => {}
                        () = ending.cancelled(), if !is_told => {}
                    }
                }
                SendResult::Done => {
                    tries = pauses();
                    if ending.is_cancelled() && self.journal.is_empty() {
                        return;
                    }
                }
            }
            earliest = Instant::now() + SAYING_PAUSE;
        }
    }

    /// Sends everything, each kind separately: a failure of one must not hold back the others.
    async fn send_all(&mut self) -> SendResult {
        let mut all = SendResult::Done;
        for sent in [self.send_said().await, self.send_attributes().await, self.send_lines().await] {
            match sent {
                SendResult::Lost => return SendResult::Lost,
                SendResult::Later => all = SendResult::Later,
                SendResult::Done => {}
            }
        }
        all
    }

    async fn send_said(&mut self) -> SendResult {
        let Some(mut said) = self.journal.take_said() else { return SendResult::Done };
        // A document has room for only one of them at its maximum size. The checkpoint goes first, because the broker
        // keeps it when later reports lack it.
        if said.output.is_some() && said.checkpoint.is_some() {
            let alone = LatestReport { checkpoint: said.checkpoint.take(), output: None, ..said.clone() };
            match self.send_report(&alone).await {
                SendResult::Done => {}
                SendResult::Lost => return SendResult::Lost,
                SendResult::Later => {
                    said.checkpoint = alone.checkpoint;
                    self.journal.unsaid(said);
                    return SendResult::Later;
                }
            }
        }
        let sent = self.send_report(&said).await;
        if matches!(sent, SendResult::Later) {
            self.journal.unsaid(said);
        }
        sent
    }

    async fn send_report(&mut self, said: &LatestReport) -> SendResult {
        self.number += 1;
        match self.seal(said) {
            Ok(envelope) => self.judge("progress", self.client.report(&envelope).await),
            Err(error) => self.judge("progress", Err::<(), _>(error)),
        }
    }

    fn seal(&self, said: &LatestReport) -> Result<Envelope, ClientError> {
        self.subject.progress(&self.client, self.number, |mut progress| {
            progress.percent = said.percent;
            if let Some(message) = &said.message {
                progress = progress.with_message(message);
            }
            if let Some(output) = &said.output {
                progress = progress.with_output(output.clone());
            }
            match &said.checkpoint {
                Some(checkpoint) => progress.with_checkpoint(checkpoint.clone()),
                None => progress,
            }
        })
    }

    async fn send_attributes(&self) -> SendResult {
        let attributes = self.journal.take_attributes(ATTRIBUTES_CALL_MAX);
        if attributes.is_empty() {
            return SendResult::Done;
        }
        let Subject { process_id, attempt, .. } = self.subject;
        let answer = self.client.set_attributes(process_id, attempt, attributes.clone()).await;
        let sent = self.judge("attributes", answer);
        if matches!(sent, SendResult::Later) {
            self.journal.unattached(attributes);
        }
        sent
    }

    async fn send_lines(&self) -> SendResult {
        let lines = self.journal.take_lines();
        if lines.is_empty() {
            return SendResult::Done;
        }
        let Subject { process_id, attempt, .. } = self.subject;
        let answer = self.client.add_logs(process_id, attempt, lines.clone()).await;
        if let Ok(answer) = &answer
            && answer.dropped > 0
        {
            tracing::warn!(dropped = answer.dropped, "the process reached its log limit: no more lines are sent");
            self.journal.take_no_lines();
        }
        let sent = self.judge("log lines", answer);
        if matches!(sent, SendResult::Later) {
            self.journal.unsent(lines);
        }
        sent
    }

    fn judge<T>(&self, what: &str, answer: Result<T, ClientError>) -> SendResult {
        match answer {
            Ok(_) => SendResult::Done,
            Err(error) if error.is(&Reason::LeaseLost) => SendResult::Lost,
            Err(error) if error.is_retryable() || error.is(&Reason::Internal) => {
                tracing::debug!(%error, what, "not sent yet");
                SendResult::Later
            }
            Err(error) => {
                tracing::warn!(%error, what, "the broker refused progress or log lines");
                SendResult::Done
            }
        }
    }
}
