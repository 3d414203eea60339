//! The loop that claims work.

use std::pin::pin;
use std::time::Duration;

use apiary_proto::v1;
use apiary_protocol::{Fault, Reason};
use futures::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::contact::{BrokerContact, can_pass};
use super::introduce::{Introduction, Welcome};
use super::polls::Polls;
use super::results::ClaimedWork;
use super::works::Works;
use super::{Context, Settings};
use crate::client::millis;
use crate::lease::Subject;
use crate::limits::{CLAIM_EMPTY_MIN, POLL_GRACE, RELEASE_TIMEOUT, SLOT_WAIT};
use crate::wire::offer_to_proto;
use crate::{Client, ClientError};

/// State of the loop, which survives a panic of the loop.
pub(super) struct Claims {
    contact: BrokerContact,
    introduction: Introduction,
    polls: Polls,
    /// `true` once the colony's rules were requested.
    is_guarded: bool,
    /// Work that was claimed with results.
    claimed: mpsc::Receiver<ClaimedWork>,
}

impl Claims {
    pub(super) fn new(claimed: mpsc::Receiver<ClaimedWork>) -> Self {
        Self {
            contact: BrokerContact::new(),
            introduction: Introduction::default(),
            polls: Polls::default(),
            is_guarded: false,
            claimed,
        }
    }

    /// Gives back work that was claimed with results and came too late.
    pub(super) async fn give_back(mut self, client: &Client) {
        self.claimed.close();
        while let Some(work) = self.claimed.recv().await {
            give_back(client, &work.answer.leases, work.asked).await;
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
        let desk = context.results.desk();
        loop {
            let Some(free) = self.free_slots(context, works, shutdown).await else { return Ok(()) };
            let Self { contact, introduction, polls, is_guarded, .. } = self;
            if let Some(pause) = introduce(context, introduction, contact).await? {
                match rest(pause, shutdown).await {
                    true => continue,
                    false => return Ok(()),
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
            let mut state = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                state = desk.claiming() => state,
            };
            // A claim with results ended just now, and has work for some of the slots.
            if desk.promised() > 0 {
                continue;
            }
            let held = (state.unanswered > 0).then(|| works.held());
            // Fewer after each claim without an answer, which may have been too long for the way back.
            let free = (free >> state.unanswered.min(16)).max(1);
            let Some(claim) = claim(context, free, held, polls.wait(asked_at), shutdown).await else {
                return Ok(());
            };
            match &claim {
                Ok(_) => state.unanswered = 0,
                Err(error) => state.unanswered += u32::from(may_have_leased(error)),
            }
            drop(state);
            let pause = match claim {
                Ok(claimed) => {
                    contact.accepted();
                    context.metrics.claimed(true);
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
                Err(error) => {
                    context.metrics.claimed(false);
                    contact.failed(error)?
                }
            };
            if !rest(pause, shutdown).await {
                return Ok(());
            }
        }
    }

    /// Waits for free slots to claim for, and starts work that was claimed with results meanwhile. `None` once the executor stops.
    async fn free_slots(
        &mut self,
        context: &Context,
        works: &mut Works,
        shutdown: &CancellationToken,
    ) -> Option<usize> {
        let desk = context.results.desk();
        loop {
            // Results claim only what they free: for slots that are free already, the claim here waits for work. And not before a new
            // broker knows this executor.
            let may_open = works.are_all_busy() && self.introduction.is_told(context).await;
            let open = may_open.then(|| desk.open());
            let work = tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                // Before the free slots, which may be meant for it.
                Some(work) = self.claimed.recv() => work,
                free = works.free_slots() => match free.saturating_sub(desk.promised()) {
                    0 => {
                        // What the slots are promised to is on its way.
                        drop(open);
                        tokio::task::yield_now().await;
                        continue;
                    }
                    free => return Some(free),
                },
            };
            drop(open);
            desk.received(&work);
            self.contact.accepted();
            context.metrics.claimed(true);
            let drains = work.answer.drain && work.answer.leases.is_empty();
            take_handed(&context.client, works, work, shutdown).await;
            if !drains {
                self.contact.went_well();
            } else if !rest(self.contact.pause(), shutdown).await {
                return None;
            }
        }
    }
}

/// Waits; returns `false` if the executor was stopped meanwhile.
async fn rest(pause: Duration, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => false,
        () = tokio::time::sleep(pause) => true,
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
        Err(error) => {
            context.metrics.claimed(false);
            contact.failed(error).map(Some)
        }
    }
}

/// The answer to a claim, and its speed.
struct TimedClaim {
    answer: v1::ClaimResponse,
    is_early: bool,
}

/// Returns `true` if work may have been leased by the claim that failed so: its answer was lost, or the broker itself does not know.
pub(super) fn may_have_leased(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { reason, .. } => {
            matches!(reason, Reason::Unavailable | Reason::Internal | Reason::DeadlineExceeded)
        }
        _ => true,
    }
}

/// Returns what all claims of an executor say, with the number of its run: a random number that is not 0.
pub(super) fn request(settings: &Settings) -> v1::ClaimRequest {
    v1::ClaimRequest {
        executor_type: settings.executor_type.clone(),
        lease_ms: millis(settings.lease),
        offer: Some(offer_to_proto(&settings.offer)),
        instance: Uuid::new_v4().as_u64_pair().0,
        ..Default::default()
    }
}

/// Claims once; `None` if the executor was stopped meanwhile.
async fn claim(
    context: &Context,
    free: usize,
    held: Option<Vec<v1::HeldLease>>,
    wait: Duration,
    shutdown: &CancellationToken,
) -> Option<Result<TimedClaim, ClientError>> {
    let request = v1::ClaimRequest {
        wait_ms: millis(wait),
        names_held: held.is_some(),
        held: held.unwrap_or_default(),
        ..context.results.desk().request(free)
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
    // Not the start of the claim, which may have waited long for work.
    let (mut started, claimed_at) = (0, Instant::now());
    for lease in answer.leases.into_iter().take(asked) {
        started += usize::from(works.start(lease, claimed_at));
    }
    started > 0
}

/// Starts work that was claimed with results, as the slots of those attempts become free. What finds none in time is released.
async fn take_handed(client: &Client, works: &mut Works, work: ClaimedWork, shutdown: &CancellationToken) {
    let ClaimedWork { answer, asked, asked_at } = work;
    let until = Instant::now() + SLOT_WAIT;
    let mut leases = answer.leases.into_iter().take(asked);
    while let Some(lease) = leases.next() {
        let has_room = tokio::select! {
            biased;
            () = shutdown.cancelled() => false,
            room = timeout_at(until, works.room()) => room.is_ok(),
        };
        if !has_room {
            // An attempt whose result was refused, or must be sent again, still has its slot.
            let late: Vec<_> = std::iter::once(lease).chain(leases).collect();
            return give_back(client, &late, asked).await;
        }
        works.start(lease, asked_at);
    }
}

/// Releases work that came too late. A lease that cannot be released ends by itself.
pub(super) async fn give_back(client: &Client, leases: &[v1::Lease], asked: usize) {
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
