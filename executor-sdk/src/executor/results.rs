//! Results on their way to the broker. While every slot is taken, the call that ends attempts claims the next work as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use apiary_identity::Envelope;
use apiary_proto::v1;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::time::Instant;

use super::claim::{give_back, may_have_leased};
use crate::client::batcher::{Answers, Batcher};
use crate::client::one_for_each;
use crate::lease::{Ending, ReportAnswer};
use crate::limits::SLOTS_MAX;
use crate::wire::envelope_to_proto;
use crate::{Client, ClientError};

/// Results of attempts that are reported, and the claims that go with them.
pub(super) struct Results {
    batcher: Batcher<Ending, ReportAnswer>,
    desk: Arc<ClaimDesk>,
}

/// The place where claims are made, one at a time: by the claim loop, or with results.
pub(super) struct ClaimDesk {
    client: Client,
    /// The claim without its count.
    request: v1::ClaimRequest,
    /// Held while a claim is under way.
    claiming: Mutex<ClaimState>,
    /// `true` while the claim loop waits for a free slot, so that results may claim.
    is_open: AtomicBool,
    /// Slots that will be free for work that is on its way to the claim loop.
    promised: AtomicUsize,
    claimed: mpsc::Sender<ClaimedWork>,
}

/// Outcome of the claims so far.
#[derive(Default)]
pub(super) struct ClaimState {
    /// Number of claims in a row without an answer: leases may have been lost with them.
    pub(super) unanswered: u32,
}

/// Work that was claimed with results.
pub(super) struct ClaimedWork {
    /// The leases.
    pub(super) answer: v1::ClaimResponse,
    /// Number of leases asked for.
    pub(super) asked: usize,
    /// Start of the claim: the leases count from then.
    pub(super) asked_at: Instant,
}

/// A wait of the claim loop for a free slot, in which results may claim.
pub(super) struct OpenDesk<'a>(&'a ClaimDesk);

impl Drop for OpenDesk<'_> {
    fn drop(&mut self) {
        self.0.is_open.store(false, Ordering::Release);
    }
}

impl Results {
    /// Creates the way of results for an executor whose claims are like `request`, and the other end of what is claimed with them.
    pub(super) fn new(client: Client, request: v1::ClaimRequest) -> (Self, mpsc::Receiver<ClaimedWork>) {
        // One message for each call, each of which is for at least one slot.
        let (claimed, receiver) = mpsc::channel(SLOTS_MAX);
        let desk = ClaimDesk {
            client,
            request,
            claiming: Mutex::default(),
            is_open: AtomicBool::new(false),
            promised: AtomicUsize::new(0),
            claimed,
        };
        (Self { batcher: Batcher::default(), desk: Arc::new(desk) }, receiver)
    }

    /// Returns the desk.
    pub(super) fn desk(&self) -> &ClaimDesk {
        &self.desk
    }

    /// Sends a result until the broker accepts it, or refuses it for good. Has no time limit; the caller sets one.
    pub(super) async fn send(&self, ending: &Ending) -> Result<ReportAnswer, ClientError> {
        ending.send_by(|| self.end(ending)).await
    }

    async fn end(&self, ending: &Ending) -> Result<ReportAnswer, ClientError> {
        let desk = Arc::clone(&self.desk);
        let sending = self.batcher.send(ending.clone(), ending.payload().len(), move |endings| {
            let desk = Arc::clone(&desk);
            Box::pin(async move { desk.end(endings).await })
        });
        self.desk.client.ending_within(ending, sending).await
    }
}

impl ClaimDesk {
    /// Lets results claim until the returned value is dropped.
    pub(super) fn open(&self) -> OpenDesk<'_> {
        self.is_open.store(true, Ordering::Release);
        OpenDesk(self)
    }

    /// Waits until no claim is under way. None begins until the returned value is dropped.
    pub(super) async fn claiming(&self) -> MutexGuard<'_, ClaimState> {
        self.claiming.lock().await
    }

    /// Returns the number of slots that are promised to work on its way to the claim loop.
    pub(super) fn promised(&self) -> usize {
        self.promised.load(Ordering::Acquire)
    }

    /// Records that the claim loop has such work.
    pub(super) fn received(&self, work: &ClaimedWork) {
        self.promised.fetch_sub(work.asked, Ordering::AcqRel);
    }

    /// Returns the claim of so much work.
    pub(super) fn request(&self, count: usize) -> v1::ClaimRequest {
        v1::ClaimRequest { count_max: i32::try_from(count).unwrap_or(i32::MAX), ..self.request.clone() }
    }

    /// Reports the ends of attempts, and claims as much work again if nobody else claims.
    async fn end(&self, endings: Vec<Ending>) -> Answers<ReportAnswer> {
        let state = self.claiming.try_lock().ok().filter(|state| state.unanswered == 0);
        match state.filter(|_| self.is_open.load(Ordering::Acquire)) {
            Some(state) => self.client.end_by(&endings, |results| self.end_and_claim(state, results)).await,
            None => self.client.end_together(endings).await,
        }
    }

    /// Claims with results; returns the answers to them.
    async fn end_and_claim(
        &self,
        mut state: MutexGuard<'_, ClaimState>,
        results: Vec<Envelope>,
    ) -> Result<Vec<v1::EndAnswer>, ClientError> {
        let (asked, asked_at) = (results.len(), Instant::now());
        let results = results.iter().map(envelope_to_proto).collect();
        // Until there is an answer, also if this future is dropped: then the next claim names what is in hand.
        state.unanswered = 1;
        let answered = self.client.claim(v1::ClaimRequest { results, ..self.request(asked) }).await;
        state.unanswered = answered.as_ref().err().map_or(0, |error| u32::from(may_have_leased(error)));
        let mut answer = answered?;
        let answers = std::mem::take(&mut answer.answers);
        self.hand_over(ClaimedWork { answer, asked, asked_at }).await;
        one_for_each(answers, asked)
    }

    /// Hands claimed work to the claim loop, before the attempts that ended free their slots for it. If the executor stops, the work is
    /// given back.
    async fn hand_over(&self, work: ClaimedWork) {
        if work.answer.leases.is_empty() && !work.answer.drain {
            return;
        }
        self.promised.fetch_add(work.asked, Ordering::AcqRel);
        if let Err(mpsc::error::TrySendError::Full(work) | mpsc::error::TrySendError::Closed(work)) =
            self.claimed.try_send(work)
        {
            self.received(&work);
            give_back(&self.client, &work.answer.leases, work.asked).await;
        }
    }
}
