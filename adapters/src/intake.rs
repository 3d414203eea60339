//! Stores a verified event durably: with the broker, or else in the spool.

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_daemon::traces::{self, Part, Span};
use apiary_executor_sdk::SubmitResult;
use apiary_identity::{Clock, Spec};
use tokio::time::{Instant, timeout, timeout_at};

use crate::contact::Contact;
use crate::refusal::Refusal;
use crate::spool::{Appended, Spool};
use crate::stats::Counters;
use crate::traffic::Traffic;
use crate::{Sink, SinkError};

/// Durable storage of verified events.
pub(crate) struct Intake {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) contact: Arc<Contact>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Limits the rate of log lines about events that could not be stored.
    pub(crate) lines: Throttle,
    pub(crate) submit_timeout: Duration,
    pub(crate) answer_timeout: Duration,
}

/// Place where an event is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    /// The broker has committed it.
    Submitted(SubmitResult),
    /// On this machine's disk, to be forwarded.
    Spooled,
}

impl Kept {
    /// Returns the word for an answer and the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Submitted(_) => "submitted",
            Self::Spooled => "spooled",
        }
    }

    /// Returns the process, and whether it existed already; `None` while the event is on the way to one.
    pub(crate) fn process(&self) -> (Option<String>, Option<bool>) {
        match self {
            Self::Submitted(submitted) => (Some(submitted.process_id.to_string()), Some(submitted.existed)),
            Self::Spooled => (None, None),
        }
    }
}

impl Intake {
    /// Stores an event; it is durable on return. Consecutive events keep their order: as long as one waits in the
    /// spool, later ones queue behind it.
    pub(crate) async fn keep(&self, spec: &Spec) -> Result<Kept, Refusal> {
        // One deadline for both attempts: a sender that waits longer gives up, and counts the event as not delivered.
        let deadline = Instant::now() + self.answer_timeout;
        if self.spool.is_empty()
            && let Ok(submitted) = self.submit(spec).await
        {
            self.counters.submitted.add_one();
            self.counters.note(&submitted);
            self.forget_set_aside(spec, deadline).await;
            return Ok(Kept::Submitted(submitted));
        }
        // The spool takes also events that the broker rejects for good: the sender would only repeat them, and give up
        // in the end. The forwarder sets them aside.
        let _span = Span::within(Part::Webhook, "spool", traces::current()).of_process(spec.process_id);
        match timeout_at(deadline, self.spool.append(spec, self.clock.now_ms())).await {
            Ok(Ok(Appended::Kept)) => {
                self.counters.spooled.add_one();
                Ok(Kept::Spooled)
            }
            Ok(Ok(Appended::Full)) => Err(Refusal::SpoolFull),
            Ok(Err(error)) => {
                self.report_not_kept(&error.to_string());
                Err(Refusal::NotKept)
            }
            Err(_) => {
                self.report_not_kept("writing to the spool timed out; check its disk");
                Err(Refusal::NotKept)
            }
        }
    }

    /// Removes this event from those set aside: its sender sent it again, and it is a process now. If that fails, the
    /// next retry of the set-aside event finds the process.
    async fn forget_set_aside(&self, spec: &Spec, deadline: Instant) {
        // The total is in memory: the disk is asked only if some event is set aside.
        let Some(key) = spec.idempotency_key.as_ref().filter(|_| self.spool.totals().set_aside_events > 0) else {
            return;
        };
        match timeout_at(deadline, self.spool.forget_set_aside(key)).await {
            Ok(Ok(true)) => tracing::info!(event = key, "the broker accepted an event that was set aside"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::debug!(%error, event = key, "an accepted event stays marked as set aside"),
            Err(_) => tracing::debug!(event = key, "an accepted event stays marked as set aside: the disk is slow"),
        }
    }

    fn report_not_kept(&self, error: &str) {
        if let Some(held_back) = self.lines.pass(error) {
            tracing::error!(error, held_back, "an event was not stored; its sender was asked to send it again");
        }
    }

    async fn submit(&self, spec: &Spec) -> Result<SubmitResult, SinkError> {
        let after = self.submit_timeout;
        let span = Span::of_call(Part::Webhook, "submit", traces::current()).of_process(spec.process_id);
        let answer = timeout(after, self.sink.submit(spec)).await;
        let answer = span.end(answer.unwrap_or_else(|_| Err(SinkError::late(after))));
        self.contact.note(&answer);
        answer
    }
}
