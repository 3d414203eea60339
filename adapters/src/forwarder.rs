//! Forwards events from the spool to the broker, in order, in a single task.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::traces::{Part, Span, TraceContext};
use apiary_daemon::{Notices, Throttle};
use apiary_executor_sdk::limits::sending_time;
use apiary_identity::{Clock, Document as _, Spec};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::contact::{Contact, EVENTS_SET_ASIDE};
use crate::limits::{
    FORWARD_PAUSE_AWAY_MAX, FORWARD_PAUSE_FIRST, FORWARD_TIMEOUT, READY_AFTER_LATE_TIMEOUT, READY_TIMEOUT,
    SET_ASIDE_RETRY_MAX, SET_ASIDE_RETRY_MIN, SMALL_BODY_BYTES_MAX, SPOOL_REFRESH,
};
use crate::spool::{Spool, SpoolTotals, Waiting};
use crate::stats::Counters;
use crate::{Sink, SinkError, SpoolError};

/// Reason of an event that the connection does not carry in its time.
const TOO_SLOW: &str = "TOO_SLOW";

/// The task that forwards events from the spool.
pub(crate) struct Forwarder {
    sink: Arc<dyn Sink>,
    spool: Arc<Spool>,
    contact: Arc<Contact>,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    notices: Notices,
    /// Limits the rate of log lines about set-aside events and the spool.
    lines: Throttle,
}

/// Result of forwarding the first event.
enum Step {
    /// The event has left the line.
    Done,
    /// The event has made way, after a long time: it is tried again a while after that.
    Slow,
    /// The event stays first. Wait before the next attempt, at most for this time.
    Wait(Duration),
}

impl Forwarder {
    pub(crate) fn new(
        sink: Arc<dyn Sink>,
        spool: Arc<Spool>,
        contact: Arc<Contact>,
        counters: Arc<Counters>,
        clock: Arc<dyn Clock>,
        notices: Notices,
    ) -> Self {
        let lines = Throttle::new(clock.clone());
        Self { sink, spool, contact, counters, clock, notices, lines }
    }

    /// Forwards until `stop`, or until the spool closes. May be cancelled anywhere: an event leaves the spool only
    /// after the broker has committed it, and an event submitted twice becomes one process.
    pub(crate) async fn run(&mut self, stop: &CancellationToken) {
        stop.run_until_cancelled(self.forward()).await;
    }

    async fn forward(&mut self) {
        let mut totals = self.spool.watch();
        let mut pause = FORWARD_PAUSE_FIRST;
        // Set-aside events are retried at every start: a restart often follows a repair.
        self.retry_set_aside().await;
        let mut retried_at = Instant::now();
        loop {
            let retry_at = retried_at + self.retry_pause();
            if Instant::now() >= retry_at {
                self.retry_set_aside().await;
                retried_at = Instant::now();
                continue;
            }
            // Wakes at once when an event enters an empty spool, and checks periodically whether an operator's command
            // added one.
            let look_at = Instant::now() + SPOOL_REFRESH;
            let woken = timeout_at(look_at.min(retry_at), totals.wait_for(SpoolTotals::has_waiting)).await;
            // Drops the borrow of the totals, which would block their next update.
            let woken = woken.map(|found| found.map(drop));
            match woken {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => {
                    self.refresh().await;
                    self.look_for_broker().await;
                    continue;
                }
            }
            match self.step().await {
                Ok(Step::Done) => pause = FORWARD_PAUSE_FIRST,
                Ok(Step::Slow) => (pause, retried_at) = (FORWARD_PAUSE_FIRST, Instant::now()),
                Ok(Step::Wait(most)) => {
                    self.rest(pause.min(most)).await;
                    pause = pause.saturating_mul(2).min(most);
                }
                Err(SpoolError::Closed) => return,
                Err(error) => {
                    let error = error.to_string();
                    if let Some(held_back) = self.lines.pass(&error) {
                        tracing::error!(error, held_back, "cannot read the spool; trying again");
                    }
                    self.rest(FORWARD_PAUSE_AWAY_MAX).await;
                }
            }
        }
    }

    /// Asks an unavailable broker whether it is ready. Waiting events ask by being submitted; without any, nothing else
    /// would ask.
    async fn look_for_broker(&self) {
        if self.contact.is_away() && timeout(READY_TIMEOUT, self.sink.is_ready()).await == Ok(true) {
            tracing::info!("the broker is ready again");
            self.contact.note_ready();
        }
    }

    /// Pauses, and meanwhile notices an operator's changes to the spool.
    async fn rest(&self, pause: Duration) {
        let end = Instant::now() + pause;
        loop {
            sleep_until(end.min(Instant::now() + SPOOL_REFRESH)).await;
            if Instant::now() >= end {
                return;
            }
            self.refresh().await;
        }
    }

    /// Recounts the spool if an operator changed it.
    async fn refresh(&self) {
        if let Err(error) = self.spool.refresh().await {
            tracing::debug!(%error, "cannot count the events in the spool");
        }
        self.report_set_aside();
    }

    /// Forwards the first event.
    async fn step(&mut self) -> Result<Step, SpoolError> {
        // Only this task removes waiting events. If the file was changed by hand, pause instead of spinning.
        let Some(waiting) = self.spool.first().await? else { return Ok(Step::Wait(FORWARD_PAUSE_AWAY_MAX)) };
        let answer = self.submit(&waiting).await;
        self.contact.note(&answer);
        let error = match answer {
            Ok(submitted) => {
                // Removed after the commit: a crash in between submits the event again, under the same idempotency key.
                self.spool.remove(&waiting).await?;
                self.counters.forwarded.add_one();
                self.counters.note(&submitted);
                tracing::debug!(event = waiting.idempotency_key, process_id = %submitted.process_id, "forwarded");
                return Ok(Step::Done);
            }
            Err(error) => error,
        };
        if let Some(most) = error.pause_max() {
            return Ok(Step::Wait(most));
        }
        // Set aside at once, so that one rejected event does not block the events behind it.
        self.set_aside(&waiting, &error).await?;
        Ok(if error.reason() == TOO_SLOW { Step::Slow } else { Step::Done })
    }

    async fn submit(&self, waiting: &Waiting) -> Result<apiary_executor_sdk::SubmitResult, SinkError> {
        let mut spec = Spec::from_json(&waiting.spec)
            .map_err(|error| SinkError::Unacceptable { reason: "INVALID".to_owned(), message: error.to_string() })?;
        // A spec may only be submitted for a limited time after its creation, and an event may wait longer: renew it.
        let stamp = Spec::new(spec.colony, &spec.executor_type, &spec.function, self.clock.now());
        (spec.process_id, spec.submit_by) = (stamp.process_id, stamp.submit_by);
        let time = FORWARD_TIMEOUT + sending_time(waiting.spec.len());
        let trace = spec.traceparent.as_deref().and_then(TraceContext::parse);
        let begun_ms = self.clock.now_ms();
        let answer = match timeout(time, self.sink.submit(&spec)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.late(waiting, time).await),
        };
        // A broker that is away for a day would fill the trace with calls in vain.
        if answer.as_ref().is_err_and(|error| error.pause_max().is_some()) {
            return answer;
        }
        let span = Span::of_call(Part::Webhook, "submit", trace).of_process(spec.process_id);
        let answer = span.since_ms(begun_ms).end(answer);
        if answer.is_ok() {
            // Its time in the spool, until now.
            drop(Span::within(Part::Webhook, "wait in spool", trace).since_ms(waiting.received_ms));
        }
        answer
    }

    /// Returns the error of an event without an answer in time. A large one that the connection does not carry, although
    /// the broker is there, would hold up all others: it makes way, and is tried again later.
    async fn late(&self, waiting: &Waiting, time: Duration) -> SinkError {
        let is_large = waiting.spec.len() > SMALL_BODY_BYTES_MAX;
        if is_large && timeout(READY_AFTER_LATE_TIMEOUT, self.sink.is_ready()).await == Ok(true) {
            let message = format!(
                "no answer within {} s to {} bytes, although the broker is ready: the connection is slow",
                time.as_secs(),
                waiting.spec.len()
            );
            return SinkError::Unacceptable { reason: TOO_SLOW.to_owned(), message };
        }
        SinkError::late(time)
    }

    async fn set_aside(&self, waiting: &Waiting, error: &SinkError) -> Result<(), SpoolError> {
        self.spool.set_aside(waiting.seq, error, self.clock.now_ms()).await?;
        self.counters.set_aside.add_one();
        let (event, error) = (&waiting.idempotency_key, error.to_string());
        if let Some(held_back) = self.lines.pass(&error) {
            tracing::warn!(
                error,
                event,
                held_back,
                "the broker rejected an event, and it was set aside: `apiary spool show` shows it; it is retried \
                 after a minute, then less often, and at the next start"
            );
        }
        let text = format!("{event}: {error}; `apiary spool list` shows the set-aside events");
        self.notices.record(EVENTS_SET_ASIDE, "", text);
        Ok(())
    }

    /// Keeps the notice for as long as events are set aside, including those from before the start.
    fn report_set_aside(&self) {
        match self.spool.totals().set_aside_events {
            0 => self.notices.resolve(EVENTS_SET_ASIDE, ""),
            _ if self.notices.list().iter().any(|notice| notice.kind == EVENTS_SET_ASIDE) => {}
            events => {
                let noun = if events == 1 { "event" } else { "events" };
                let text = format!("the broker rejected {events} {noun}; `apiary spool list` shows the reasons");
                self.notices.raise(EVENTS_SET_ASIDE, "", text);
            }
        }
    }

    /// Returns the pause between retries of set-aside events: as long as the newest of them has been set aside. A
    /// broker that rejected everything for a short time thus delays events by about twice that time, and a single bad
    /// event costs few retries.
    fn retry_pause(&self) -> Duration {
        let newest_ms = self.spool.totals().set_aside_newest_ms.unwrap_or(i64::MIN);
        let age_ms = u64::try_from(self.clock.now_ms().saturating_sub(newest_ms)).unwrap_or_default();
        Duration::from_millis(age_ms).clamp(SET_ASIDE_RETRY_MIN, SET_ASIDE_RETRY_MAX)
    }

    async fn retry_set_aside(&self) {
        match self.spool.retry_set_aside().await {
            Ok(0) => {}
            Ok(events) => tracing::warn!(events, "trying events again that were set aside"),
            Err(error) => tracing::error!(%error, "cannot try events again that were set aside"),
        }
    }
}
