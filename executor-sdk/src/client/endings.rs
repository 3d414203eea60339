//! Results of attempts that are reported together.

use apiary_identity::{Document as _, Envelope, Outcome, OutcomeKind};
use apiary_proto::v1;
use bytes::Bytes;
use jiff::Timestamp;

use super::batcher::{Answers, apart};
use super::leases::{COMPLETE, END_BATCH, FAIL};
use super::{BatchRefusal, Client, within};
use crate::ClientError;
use crate::lease::{Ending, ReportAnswer};

impl Client {
    /// Reports the end of an attempt: alone at once, or with others that end while a call is under way.
    pub(crate) async fn end(&self, ending: &Ending) -> Result<ReportAnswer, ClientError> {
        let (client, bytes) = (self.clone(), ending.payload().len());
        let sending = self.shared.endings.send(ending.clone(), bytes, move |endings| {
            let client = client.clone();
            Box::pin(async move { client.end_together(endings).await })
        });
        self.ending_within(ending, sending).await
    }

    /// Returns the answer to a result, or the error that it took too long.
    pub(crate) async fn ending_within(
        &self,
        ending: &Ending,
        sending: impl Future<Output = Result<ReportAnswer, ClientError>>,
    ) -> Result<ReportAnswer, ClientError> {
        let method = if ending.kind() == OutcomeKind::Succeeded { COMPLETE } else { FAIL };
        within(self.call_timeout(), method, sending).await
    }

    /// Reports the ends of attempts in one call, signed once.
    pub(crate) async fn end_together(&self, endings: Vec<Ending>) -> Answers<ReportAnswer> {
        let sealed = self.seal_endings(&endings);
        if let [(kind, result)] = &*sealed {
            return vec![self.end_alone(*kind, result).await];
        }
        self.end_sealed(sealed, |results| async move { self.end_batch(&results).await }).await
    }

    /// Reports the ends of attempts by `call`, signed once; each alone, if the call is refused for good.
    pub(crate) async fn end_by<F>(
        &self,
        endings: &[Ending],
        call: impl FnOnce(Vec<Envelope>) -> F,
    ) -> Answers<ReportAnswer>
    where
        F: Future<Output = Result<Vec<v1::EndAnswer>, ClientError>>,
    {
        self.end_sealed(self.seal_endings(endings), call).await
    }

    async fn end_sealed<F>(
        &self,
        sealed: Vec<(OutcomeKind, Envelope)>,
        call: impl FnOnce(Vec<Envelope>) -> F,
    ) -> Answers<ReportAnswer>
    where
        F: Future<Output = Result<Vec<v1::EndAnswer>, ClientError>>,
    {
        let batch = call(sealed.iter().map(|(_, result)| result.clone()).collect()).await;
        let alone = |place: usize| self.end_alone(sealed[place].0, &sealed[place].1);
        apart(batch, sealed.len(), |answer| self.ended(answer), alone).await
    }

    /// Signs the results that were never sent, with one signature. The others stay as they were sent, because the broker
    /// knows a result again by its bytes.
    fn seal_endings(&self, endings: &[Ending]) -> Vec<(OutcomeKind, Envelope)> {
        let fresh: Vec<&Ending> = endings.iter().filter(|ending| !ending.is_signed()).collect();
        let payloads: Vec<Bytes> = fresh.iter().map(|ending| ending.payload().clone()).collect();
        for (ending, envelope) in fresh.iter().zip(Envelope::sign_all(self.key(), Outcome::PAYLOAD_TYPE, payloads)) {
            ending.signed_as(|| envelope);
        }
        let alone = |ending: &Ending| Envelope::sign(self.key(), Outcome::PAYLOAD_TYPE, ending.payload().clone());
        endings.iter().map(|ending| (ending.kind(), ending.signed_as(|| alone(ending)).clone())).collect()
    }

    async fn end_alone(&self, kind: OutcomeKind, result: &Envelope) -> Result<ReportAnswer, ClientError> {
        match kind {
            OutcomeKind::Succeeded => {
                let answer = self.complete(result).await?;
                Ok(ReportAnswer { existed: answer.existed, retry_at: None })
            }
            OutcomeKind::FailedRetryable | OutcomeKind::FailedFinal | OutcomeKind::Refused | OutcomeKind::Cancelled => {
                let answer = self.fail(result).await?;
                Ok(ReportAnswer { existed: answer.existed, retry_at: retry_at(answer.retry_at_ms) })
            }
        }
    }

    fn ended(&self, answer: v1::EndAnswer) -> Result<ReportAnswer, ClientError> {
        let v1::EndAnswer { existed, retry_at_ms, reason, message, retryable, retry_after_ms } = answer;
        if reason.is_empty() {
            return Ok(ReportAnswer { existed, retry_at: retry_at(retry_at_ms) });
        }
        Err(self.refused(END_BATCH, BatchRefusal { reason, message, retryable, retry_after_ms }))
    }
}

/// Reads the start of the next attempt; `None` if there will be none.
fn retry_at(retry_at_ms: i64) -> Option<Timestamp> {
    (retry_at_ms > 0).then(|| Timestamp::from_millisecond(retry_at_ms).ok()).flatten()
}
