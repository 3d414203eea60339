//! The loop that claims work.

use std::pin::pin;
use std::time::Duration;

use apiary_proto::v1;
use apiary_protocol::{Fault, Reason};
use futures::future::join_all;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Context;
use super::contact::{BrokerContact, can_pass};
use super::introduce::{Introduction, Welcome};
use super::polls::Polls;
use super::works::Works;
use crate::client::millis;
use crate::lease::Subject;
use crate::limits::{CLAIM_EMPTY_MIN, POLL_GRACE, RELEASE_TIMEOUT};
use crate::wire::offer_to_proto;
use crate::{Client, ClientError};

/// State of the loop, which survives a panic of the loop.
pub(super) struct Claims {
    contact: BrokerContact,
    introduction: Introduction,
    polls: Polls,
    /// `true` once the colony's rules were requested.
    is_guarded: bool,
    /// Number of this run of the executor.
    instance: u64,
    /// Number of claims in a row without an answer: leases may have been lost with them.
    unanswered: u32,
}

impl Claims {
    pub(super) fn new() -> Self {
        Self {
            contact: BrokerContact::new(),
            introduction: Introduction::default(),
            polls: Polls::default(),
            is_guarded: false,
            instance: instance(),
            unanswered: 0,
        }
    }

    /// Claims work until the executor stops.
    pub(super) async fn run(
        &mut self,
        context: &Context,
        works: &mut Works,
        shutdown: &CancellationToken,
    ) -> Result<(), ClientError> {
        let (client, settings) = (&context.client, &context.settings);
        let functions: Vec<&str> = context.handlers.keys().map(String::as_str).collect();
        tracing::info!(
            broker = %client.address(), executor = %client.id(), executor_type = settings.executor_type,
            slots = settings.slots, functions = functions.join(" "), "claiming work"
        );
        let Self { contact, introduction, polls, is_guarded, instance, unanswered } = self;
        loop {
            let free = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                free = works.free_slots() => free,
            };
            if let Some(pause) = introduce(context, introduction, contact).await? {
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    () = tokio::time::sleep(pause) => continue,
                }
            }
            if !*is_guarded {
                // Only after the introduction: an executor that is not approved yet may not read the colony's rules.
                // And before the first claim, so that no work runs without them.
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    () = context.rules.asked() => *is_guarded = true,
                }
            }
            let asked_at = Instant::now();
            let run = Run { instance: *instance, held: (*unanswered > 0).then(|| works.held()) };
            // Fewer after each claim without an answer, which may have been too long for the way back.
            let free = (free >> (*unanswered).min(16)).max(1);
            let Some(claimed) = claim(context, free, run, polls.wait(asked_at), shutdown).await else {
                return Ok(());
            };
            match &claimed {
                Ok(_) => *unanswered = 0,
                Err(error) => *unanswered += u32::from(may_have_leased(error)),
            }
            let pause = match claimed {
                Ok(claimed) => {
                    contact.accepted();
                    match take(works, claimed, free) {
                        true => {
                            contact.went_well();
                            continue;
                        }
                        false => contact.pause(),
                    }
                }
                // No pause: a proxy that cuts long polls is no sign of an overloaded broker.
                Err(error) if error.fault() == Fault::Again && polls.cut(asked_at, Instant::now()) => {
                    tracing::debug!(%error, "a poll was cut off; the next one is shorter");
                    continue;
                }
                Err(error) => contact.failed(error)?,
            };
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// Registers the executor with the broker, unless that is done. Returns the pause if it must be tried again.
async fn introduce(
    context: &Context,
    introduction: &mut Introduction,
    contact: &mut BrokerContact,
) -> Result<Option<Duration>, ClientError> {
    match introduction.tell(context).await {
        Ok(Welcome::Approved) => Ok(None),
        Ok(Welcome::Pending) => Ok(Some(contact.pause())),
        // A broker of a version without this call may still accept claims. And a running executor does not stop working
        // because its announcement is refused.
        Err(error)
            if error.is(&Reason::Unimplemented)
                || matches!(&error, ClientError::Status { code, .. } if code == "Unimplemented")
                || (contact.is_accepted() && !can_pass(&error)) =>
        {
            tracing::warn!(%error, "the broker refused the registration; the executor continues");
            introduction.leave(context).await;
            Ok(None)
        }
        Err(error) => contact.failed(error).map(Some),
    }
}

/// The answer to a claim, and its speed.
struct TimedClaim {
    answer: v1::ClaimResponse,
    is_early: bool,
}

/// Returns `true` if work may have been leased by the claim that failed so: its answer was lost, or the broker itself does not know.
fn may_have_leased(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { reason, .. } => {
            matches!(reason, Reason::Unavailable | Reason::Internal | Reason::DeadlineExceeded)
        }
        _ => true,
    }
}

/// The run of an executor, as a claim tells it.
struct Run {
    instance: u64,
    /// All leases in hand, if the answer to an earlier claim may have been lost.
    held: Option<Vec<v1::HeldLease>>,
}

/// Returns a random number that is not 0.
fn instance() -> u64 {
    Uuid::new_v4().as_u64_pair().0
}

/// Claims once; `None` if the executor was stopped meanwhile.
async fn claim(
    context: &Context,
    free: usize,
    run: Run,
    wait: Duration,
    shutdown: &CancellationToken,
) -> Option<Result<TimedClaim, ClientError>> {
    let request = v1::ClaimRequest {
        executor_type: context.settings.executor_type.clone(),
        count_max: i32::try_from(free).unwrap_or(i32::MAX),
        wait_ms: millis(wait),
        lease_ms: millis(context.settings.lease),
        offer: Some(offer_to_proto(&context.settings.offer)),
        instance: run.instance,
        names_held: run.held.is_some(),
        held: run.held.unwrap_or_default(),
    };
    let asked_at = Instant::now();
    let mut claiming = pin!(context.client.claim(request));
    tokio::select! {
        biased;
        answer = &mut claiming => {
            let is_early = asked_at.elapsed() < CLAIM_EMPTY_MIN;
            return Some(answer.map(|answer| TimedClaim { answer, is_early }));
        }
        () = shutdown.cancelled() => {}
    }
    // An answer with work may be on its way. Dropping it would keep that work from everybody until its lease ends. A
    // poll that waits for work can be dropped without loss.
    if let Ok(Ok(answer)) = timeout(POLL_GRACE, claiming).await {
        give_back(&context.client, &answer.leases, free).await;
    }
    None
}

/// Starts the claimed work. Returns `false` if the next claim must wait: the broker drains, answered too early, or sent
/// only unusable leases.
fn take(works: &mut Works, TimedClaim { answer, is_early }: TimedClaim, asked: usize) -> bool {
    if answer.leases.is_empty() {
        return !answer.drain && !is_early;
    }
    if answer.leases.len() > asked {
        tracing::warn!(
            asked,
            got = answer.leases.len(),
            "the broker sent more leases than asked for; the rest is ignored"
        );
    }
    let mut started = 0;
    for lease in answer.leases.into_iter().take(asked) {
        started += usize::from(works.start(lease));
    }
    started > 0
}

/// Releases work that came too late. A lease that cannot be released ends by itself.
async fn give_back(client: &Client, leases: &[v1::Lease], asked: usize) {
    let releases = leases.iter().take(asked).filter_map(Subject::of).map(|subject| async move {
        let Subject { process_id, attempt, .. } = subject;
        match timeout(RELEASE_TIMEOUT, client.release(process_id, attempt)).await {
            Ok(Ok(())) => tracing::debug!(%process_id, attempt, "released leases that came while stopping"),
            Ok(Err(error)) => tracing::warn!(%process_id, attempt, %error, "cannot release leases"),
            Err(_) => tracing::warn!(%process_id, attempt, "cannot release leases: no answer"),
        }
    });
    join_all(releases).await;
}
