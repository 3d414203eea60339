//! Signed progress: the percentage, the output so far, and the checkpoint for the next attempt.

use std::sync::Arc;

use apiary_identity::{Clock, Digest, Envelope, Progress};
use apiary_store::StoreResult;
use apiary_store::model::{Report, ReportResult};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;
use crate::engine::leases::given::AttemptFacts;
use crate::engine::leases::lookup::{Holder, LeaseLookup};
use crate::engine::notify::wakeups::{Change, Wakeups};

impl Engine {
    /// Stores progress of an attempt whose lease is held. A report older than the last one changes nothing, and is not an error: its
    /// sender's newer one came first.
    pub(crate) async fn report(
        &self,
        permit: Permit<action::Report>,
        progress: Progress,
        envelope: Envelope,
    ) -> Result<(), Error> {
        let holder = Holder::new(&permit, progress.process_id, progress.attempt)?;
        let item = ReportItem {
            holder,
            spec_digest: progress.spec_digest,
            at: progress.at,
            has_checkpoint: progress.checkpoint().is_some(),
            number: progress.number,
            percent: progress.percent,
            message: progress.message,
            envelope,
        };
        self.reports.commit(item).await
    }
}

/// Signed progress on its way into the store.
pub(crate) struct ReportItem {
    holder: Holder,
    spec_digest: Digest,
    at: Timestamp,
    has_checkpoint: bool,
    number: i64,
    percent: Option<f64>,
    message: Option<String>,
    envelope: Envelope,
}

/// Writes gathered progress.
pub(crate) struct ReportFlush {
    lookup: LeaseLookup,
    wakeups: Wakeups,
    clock: Arc<dyn Clock>,
}

impl ReportFlush {
    pub(crate) fn new(lookup: LeaseLookup, wakeups: Wakeups, clock: Arc<dyn Clock>) -> Self {
        Self { lookup, wakeups, clock }
    }
}

#[async_trait::async_trait]
impl Flush for ReportFlush {
    type Item = ReportItem;
    type Answer = ();
    type Key = Uuid;

    fn keys(&self, item: &ReportItem) -> Vec<Uuid> {
        vec![item.holder.process_id]
    }

    fn bytes(&self, item: &ReportItem) -> usize {
        item.envelope.payload.len()
    }

    async fn flush(&self, items: &[ReportItem]) -> StoreResult<Vec<Result<(), Error>>> {
        let now_ms = self.clock.now_ms();
        let leases = self.lookup.held(items.iter().map(|item| &item.holder)).await?;
        let (mut answers, mut reports, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (item, lease) in items.iter().zip(leases) {
            // Until the database says otherwise, the lease is lost.
            let Some(lease) = lease else {
                answers.push(Err(item.holder.lost()));
                continue;
            };
            // Progress that does not verify must not be stored: the next attempt would receive it, and end.
            let acceptable = match item.holder.check_spec(item.spec_digest, lease.spec_digest) {
                Ok(()) => self.lookup.may_state(&AttemptFacts::of(&lease), "at", true, item.at, now_ms).await,
                Err(error) => Err(error),
            };
            if acceptable.is_ok() {
                places.push((answers.len(), lease.lane.colony));
                reports.push(Report {
                    lease: lease.reference(),
                    number: item.number,
                    percent: item.percent,
                    message: item.message.clone(),
                    has_checkpoint: item.has_checkpoint,
                    payload: item.envelope.payload.clone(),
                    signature: item.envelope.signature.clone(),
                });
            }
            answers.push(acceptable.and(Err(item.holder.lost())));
        }
        let reported = self.lookup.store().report(&reports, now_ms).await?;
        for ((place, colony), reported) in places.into_iter().zip(reported) {
            match reported {
                ReportResult::Lost => {}
                ReportResult::Older => answers[place] = Ok(()),
                ReportResult::Kept => {
                    answers[place] = Ok(());
                    self.wakeups.changed(Change { colony, process_id: items[place].holder.process_id });
                }
            }
        }
        Ok(answers)
    }
}
