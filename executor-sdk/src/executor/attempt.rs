//! Attempts: verified, run and reported.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::traces::{self, Part, Span, TraceContext};
use apiary_identity::OutcomeKind;
use apiary_identity::limits::CONTENT_BYTES_MAX;
use apiary_proto::v1;
use apiary_protocol::Reason;
use bytes::Bytes;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::Context;
use super::heartbeat::{HeartbeatLease, LossReason, Notice, keep};
use super::metrics::Cut;
use crate::client::millis;
use crate::guard::Guard;
use crate::handler::Handler;
use crate::journal::Journal;
use crate::lease::courier::Courier;
use crate::lease::{Claimant, Ending, Rejection, ReportAnswer, Subject, VerifiedLease, examine, reject};
use crate::limits::{BACKOFF_MOST, CANCEL_GRACE, LAST_ANSWER, RELEASE_TIMEOUT};
use crate::retry::pauses;
use crate::work::Parts;
use crate::{ClientError, Failure, Work};

/// A running handler, in a task of its own, so that its panic ends only the task.
type Task = AbortOnDropHandle<Result<Bytes, Failure>>;

/// Verified work and its handler.
struct Sound {
    work: Work,
    handler: Handler,
}

/// Runs an attempt to its end.
pub(super) async fn run(context: &Context, subject: &Subject, lease: v1::Lease, claimed_at: Instant) {
    // One copy for the whole check: the colony's rules may be replaced meanwhile, and a refusal must be counted by the
    // guard that made it.
    let guard = context.rules.guard();
    let begun = Instant::now();
    let checked = check(context, &guard, &lease);
    context.metrics.verified(begun.elapsed());
    let sound = match checked.inspect_err(|rejection| context.metrics.rejected(rejection)) {
        Ok(sound) => sound,
        Err(rejection) => return reject(&context.client, &guard, subject, &rejection, context.settings.lease).await,
    };
    // Frees the envelopes, which hold a second copy of the arguments, for the time that the handler runs.
    drop(lease);
    let held = HeartbeatLease {
        process_id: subject.process_id,
        attempt: subject.attempt,
        lease: context.settings.lease,
        claimed_at,
        max_exec: max_exec(sound.work.spec().max_exec_ms),
    };
    let span = tracing::info_span!(
        "work", process_id = %held.process_id, attempt = held.attempt, function = sound.work.function(),
        traceparent = sound.work.traceparent(), labels = labels(&sound.work.spec().labels)
    );
    let function = sound.work.function().to_owned();
    let trace = sound.work.traceparent().and_then(TraceContext::parse);
    let claim = traced("claim", trace, subject);
    drop(claim.since_ms(context.client.clock().now_ms().saturating_sub(millis(claimed_at.elapsed()))));
    traces::within(trace, perform(context, subject, &held, sound)).instrument(span).await;
    context.metrics.ran(&function, begun.elapsed());
}

/// Begins a span of an attempt.
fn traced(name: &'static str, trace: Option<TraceContext>, subject: &Subject) -> Span {
    let span = Span::within(Part::Bee, name, trace).of_process(subject.process_id);
    span.with_number("apiary.attempt", subject.attempt.into())
}

/// Verifies the lease, and finds the handler of its function.
fn check(context: &Context, guard: &Guard, lease: &v1::Lease) -> Result<Sound, Rejection> {
    let claimant = Claimant {
        executor_type: &context.settings.executor_type,
        name: context.settings.name.as_deref(),
        functions: Some(context.handlers.keys().map(String::as_str).collect()),
    };
    let verified = examine(&context.client, &claimant, guard, lease)?;
    let handler = context.handlers.get(&verified.spec.function).ok_or_else(|| claimant.without(&verified.spec))?;
    let journal = Arc::new(Journal::new(Arc::clone(context.client.clock())));
    let VerifiedLease { spec, submitter, args, attempt, retries_left, deadline, checkpoint } = verified;
    let work = Work::new(Parts {
        spec,
        args,
        submitter,
        attempt,
        retries_left,
        deadline,
        cancellation: CancellationToken::new(),
        checkpoint,
        journal,
    });
    Ok(Sound { work, handler: Arc::clone(handler) })
}

async fn perform(context: &Context, subject: &Subject, held: &HeartbeatLease, sound: Sound) {
    let Sound { work, handler } = sound;
    let (cancellation, function) = (work.cancellation(), work.function().to_owned());
    let courier = Courier::start(context.client.clone(), *subject, work.journal(), &context.tasks);
    // The handler is called inside its task, because it may panic before it returns its future.
    let trace = traces::current();
    let span = traced("run", trace, subject).with("apiary.function", &function);
    let running = async move {
        let ran = traces::within(span.context().or(trace), async move { handler(work).await }).await;
        span.end(ran)
    };
    let running = running.in_current_span();
    let mut task: Task = AbortOnDropHandle::new(tokio::spawn(running));
    let notice = Notice::default();
    let mut beat = pin!(keep(&context.client, held, &notice, &context.tasks));
    tokio::select! {
        biased;
        // First, because `biased`: a result that is there counts, even if the lease ends or the process is cancelled at
        // the same moment. The broker decides then.
        joined = &mut task => {
            if last_words(courier, beat.as_mut()).await {
                report(context, subject, &function, returned(joined), beat).await;
            }
        }
        lost = &mut beat => {
            tracing::warn!(%lost, "the lease is lost: cancelling the work; its result will not be reported");
            context.metrics.cut(&function, Cut::Lost);
            cancellation.cancel();
            stop(&mut task).await;
        }
        () = notice.given() => {
            cancellation.cancel();
            heed(context, subject, &function, task, courier, beat, notice.reason().unwrap_or_default()).await;
        }
        () = context.give_up.cancelled() => {
            cancellation.cancel();
            give_up(context, subject, &function, task, courier, beat).await;
        }
    }
}

/// Sends the last progress and log lines before the result, after which the broker would refuse them. Returns `false`
/// if the lease was lost meanwhile.
async fn last_words(courier: Courier, beat: Pin<&mut impl Future<Output = LossReason>>) -> bool {
    tokio::select! {
        _ = courier.finish() => true,
        lost = beat => {
            tracing::warn!(%lost, "the lease was lost before the result could be sent");
            false
        }
    }
}

/// Handles a cancelled process: the handler may stop by itself for as long as the broker keeps the lease.
async fn heed(
    context: &Context,
    subject: &Subject,
    function: &str,
    mut task: Task,
    courier: Courier,
    mut beat: Pin<&mut impl Future<Output = LossReason>>,
    reason: &str,
) {
    tracing::info!(reason, "the process is cancelled: cancelling the handler");
    context.metrics.cut(function, Cut::Cancelled);
    let joined = tokio::select! {
        biased;
        joined = &mut task => joined,
        () = context.give_up.cancelled() => return give_up(context, subject, function, task, courier, beat).await,
        _ = &mut beat => {
            tracing::warn!("the handler did not stop by the deadline of the cancellation: dropping it");
            task.abort();
            // The result is ignored: the lease is gone, and nothing can be reported.
            let _ = task.await;
            return;
        }
    };
    if !last_words(courier, beat.as_mut()).await {
        return;
    }
    let words = match returned(joined) {
        Ok(_) => "the work was done when it was cancelled; its output is not kept".to_owned(),
        Err(failure) => failure.message().to_owned(),
    };
    let sent = async {
        let ending = subject.ended(&context.client, OutcomeKind::Cancelled, &words)?;
        deliver(context, &ending, beat).await.map(drop)
    };
    match sent.await {
        Ok(()) => tracing::info!("stopped and reported"),
        Err(error) => tracing::warn!(%error, "the report did not reach the broker; the lease ends at the deadline"),
    }
}

/// Delivers the result while the lease lasts.
async fn report(
    context: &Context,
    subject: &Subject,
    function: &str,
    returned: Result<Bytes, Failure>,
    beat: Pin<&mut impl Future<Output = LossReason>>,
) {
    context.metrics.returned(function, &returned);
    let mut span = traced("complete", traces::current(), subject);
    if let Some((delay, waiting_for)) = context.waits.heed(function, &returned) {
        let cause = returned.as_ref().err().and_then(Failure::cause);
        span.note("apiary.outcome", "released");
        return put_off(context, subject, delay, cause, waiting_for, beat).await;
    }
    let message = returned.as_ref().err().map(|failure| failure.message().to_owned());
    let sent = async {
        let ending = ending(context, subject, returned)?;
        match deliver(context, &ending, beat).await {
            // Sent again as it is, the output would be refused again. A failure that names the cause ends the attempt
            // properly.
            Err(error) if error.is(&Reason::TooLarge) => {
                let words = format!("the handler's output cannot be sent: {error}");
                let failed = subject.failed(&context.client, &Failure::fatal(&words))?;
                failed.send(&context.client).await.map(|ended| (failed.kind(), ended, Some(words)))
            }
            sent => sent.map(|ended| (ending.kind(), ended, message)),
        }
    };
    let sent = span.end(sent.await);
    match sent {
        Ok((kind, ReportAnswer { existed: false, retry_at: None }, Some(failure))) => {
            if let Some(held_back) = context.warnings.pass(&format!("{function} {failure}")) {
                tracing::warn!(
                    outcome = kind.as_str(),
                    failure,
                    held_back,
                    "failed for good: a dead letter until `apiary process redrive` or `discard`"
                );
            }
        }
        Ok((kind, ..)) => tracing::debug!(outcome = kind.as_str(), "work reported"),
        Err(error) if error.is(&Reason::LeaseLost) => {
            tracing::warn!("the result came after the lease was lost: not accepted")
        }
        Err(error) if error.is(&Reason::Cancelled) => {
            tracing::warn!("the process was cancelled meanwhile: the result is not accepted")
        }
        Err(error) => {
            context.metrics.undelivered();
            tracing::error!(%error, "the result could not be delivered");
        }
    }
}

/// Releases work for a later attempt, with retries while the lease lasts.
async fn put_off(
    context: &Context,
    subject: &Subject,
    delay: Duration,
    cause: Option<&str>,
    waiting_for: &str,
    beat: Pin<&mut impl Future<Output = LossReason>>,
) {
    let given_back = async {
        let mut tries = pauses();
        loop {
            let Subject { process_id, attempt, .. } = *subject;
            let released = match cause {
                None => context.client.release_because(process_id, attempt, delay, waiting_for).await,
                Some(cause) => context.client.release_to_wait(process_id, attempt, delay, cause, waiting_for).await,
            };
            match released {
                Err(error) if error.is_retryable() || error.is(&Reason::Internal) => {
                    tracing::debug!(%error, "lease not released yet");
                    tokio::time::sleep(tries.next().unwrap_or(BACKOFF_MOST)).await;
                }
                settled => return settled,
            }
        }
    };
    tokio::select! {
        biased;
        settled = given_back => match settled {
            Ok(()) => tell_put_off(context, delay, cause, waiting_for),
            Err(error) => tracing::warn!(%error, "cannot postpone the work; its lease will expire"),
        },
        _ = beat => tracing::warn!("the lease was lost before the work could be postponed"),
    }
}

/// Logs that work was released: as a throttled warning if an operator must act, else as information.
fn tell_put_off(context: &Context, delay: Duration, cause: Option<&str>, waiting_for: &str) {
    let delay_ms = millis(delay);
    let Some(cause) = cause else { return tracing::info!(delay_ms, waiting_for, "work postponed") };
    match context.warnings.pass(cause) {
        Some(held_back) => tracing::warn!(
            delay_ms,
            cause,
            waiting_for,
            held_back,
            "work postponed: a service that it needs is out of order; it continues by itself after the repair"
        ),
        None => tracing::debug!(delay_ms, cause, waiting_for, "work postponed"),
    }
}

/// Sends the result. The broker ends a lease when it accepts the result. So a heartbeat that reports "lost" then is no
/// reason to stop waiting for the answer.
async fn deliver(
    context: &Context,
    ending: &Ending,
    beat: Pin<&mut impl Future<Output = LossReason>>,
) -> Result<ReportAnswer, ClientError> {
    let mut sending = pin!(context.results.send(ending));
    tokio::select! {
        biased;
        sent = &mut sending => return sent,
        _ = beat => {}
    }
    let timed_out = |_| ClientError::Timeout { method: "delivering a result", after: LAST_ANSWER };
    timeout(LAST_ANSWER, sending).await.map_err(timed_out)?
}

/// Signs a handler's result. An output that cannot be sent becomes a final failure.
fn ending(context: &Context, subject: &Subject, returned: Result<Bytes, Failure>) -> Result<Ending, ClientError> {
    let client = &context.client;
    let output = match returned {
        Err(failure) => return subject.failed(client, &failure),
        Ok(output) if output.len() > CONTENT_BYTES_MAX => {
            return subject.failed(client, &Failure::fatal(too_large(output.len())));
        }
        Ok(output) => output,
    };
    subject.succeeded(client, &output).or_else(|error| {
        subject.failed(client, &Failure::fatal(format!("the handler's output cannot be sent: {error}")))
    })
}

fn too_large(length: usize) -> String {
    format!(
        "the handler's output has {length} bytes, the most is {CONTENT_BYTES_MAX}: keep the bytes elsewhere and return where"
    )
}

/// Ends an attempt when the executor no longer waits: work that finishes in [`CANCEL_GRACE`] is reported, the rest is
/// released.
async fn give_up(
    context: &Context,
    subject: &Subject,
    function: &str,
    mut task: Task,
    courier: Courier,
    mut beat: Pin<&mut impl Future<Output = LossReason>>,
) {
    let joined = tokio::select! {
        joined = timeout(CANCEL_GRACE, &mut task) => joined.ok(),
        _ = &mut beat => {
            task.abort();
            return tracing::warn!("the lease was lost before it could be released");
        }
    };
    if !last_words(courier, beat.as_mut()).await {
        task.abort();
        return;
    }
    if let Some(Ok(Ok(output))) = joined {
        return report(context, subject, function, Ok(output), beat).await;
    }
    context.metrics.cut(function, Cut::Released);
    if joined.is_none() {
        task.abort();
        // A handler that blocks its thread continues despite the abort. Releasing its work would let a second executor
        // run it at the same time.
        if timeout(Duration::from_secs(1), &mut task).await.is_err() {
            tracing::warn!("cannot stop the handler; its lease will expire");
            return;
        }
    }
    match timeout(RELEASE_TIMEOUT, context.client.release(subject.process_id, subject.attempt)).await {
        Ok(Ok(())) => tracing::info!("lease released"),
        Ok(Err(error)) => tracing::warn!(%error, "cannot release a lease; it will expire"),
        Err(_) => tracing::warn!("cannot release a lease, no answer; it will expire"),
    }
}

/// Waits until a cancelled handler has ended. Its slot stays occupied until then, so that there are never more handlers
/// than slots.
async fn stop(task: &mut Task) {
    if timeout(CANCEL_GRACE, &mut *task).await.is_err() {
        tracing::warn!("the handler ignores its cancellation: dropping it at its next await");
        task.abort();
        // The result is ignored: the lease is gone, and nothing can be reported.
        let _ = task.await;
    }
}

fn returned(joined: Result<Result<Bytes, Failure>, JoinError>) -> Result<Bytes, Failure> {
    joined.unwrap_or_else(|error| Err(Failure::retryable(words(error))))
}

fn words(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "the handler was stopped before it returned".to_owned();
    };
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", words.unwrap_or("without words"))
}

/// Returns the labels of a spec on one line, for the log.
fn labels(labels: &BTreeMap<String, String>) -> String {
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    labels.join(" ")
}

fn max_exec(max_exec_ms: i64) -> Option<Duration> {
    u64::try_from(max_exec_ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}
