//! Leases, for hand-written executors. [`Executor`](crate::Executor) does all of this.

use std::time::Duration;

use apiary_identity::{Envelope, cut_text};
use apiary_proto::v1;
use uuid::Uuid;

use super::{CallSignature, Client, claim_answer};
use crate::ClientError;
use crate::limits::{REASON_BYTES_MAX, SURROUNDINGS_BYTES_MAX};
use crate::wire::envelope_to_proto;

const CLAIM: &str = "/apiary.v1.LeaseService/Claim";
pub(super) const COMPLETE: &str = "/apiary.v1.LeaseService/Complete";
pub(super) const FAIL: &str = "/apiary.v1.LeaseService/Fail";
pub(super) const END_BATCH: &str = "/apiary.v1.LeaseService/EndBatch";

impl Client {
    /// Claims up to `count_max` waiting processes, or waits up to `wait_ms` for the first. An empty answer is not an
    /// error.
    pub async fn claim(&self, request: v1::ClaimRequest) -> Result<v1::ClaimResponse, ClientError> {
        let wait = Duration::from_millis(u64::try_from(request.wait_ms).unwrap_or(0));
        let timeout = wait.saturating_add(self.call_timeout());
        self.call_as(CLAIM, &request, CallSignature::OfRequest, timeout, claim_answer::decode).await
    }

    /// Renews a lease to `lease` from now. Fails with `LEASE_LOST` once it is lost. The answer has `cancelled` set if
    /// the process is being cancelled: then stop, and end the attempt with the outcome `cancelled`.
    pub async fn renew(
        &self,
        process_id: Uuid,
        attempt: i32,
        lease: Duration,
    ) -> Result<v1::RenewResponse, ClientError> {
        let request = v1::RenewRequest { process_id: process_id.to_string(), attempt, lease_ms: millis(lease) };
        self.call_signed("/apiary.v1.LeaseService/Renew", request, self.call_timeout()).await
    }

    /// Ends an attempt with success: a signed `result.v1` document with the outcome `succeeded`.
    pub async fn complete(&self, result: &Envelope) -> Result<v1::CompleteResponse, ClientError> {
        let request = v1::CompleteRequest { result: Some(envelope_to_proto(result)) };
        self.call(COMPLETE, request, self.call_timeout()).await
    }

    /// Ends an attempt with failure: a signed `result.v1` document with another outcome.
    pub async fn fail(&self, result: &Envelope) -> Result<v1::FailResponse, ClientError> {
        let request = v1::FailRequest { result: Some(envelope_to_proto(result)) };
        self.call(FAIL, request, self.call_timeout()).await
    }

    /// Ends many attempts, 1 to 1000: signed `result.v1` documents of any outcome. Each has an answer of its own, in
    /// the same order.
    pub async fn end_batch(&self, results: &[Envelope]) -> Result<Vec<v1::EndAnswer>, ClientError> {
        let request = v1::EndBatchRequest { results: results.iter().map(envelope_to_proto).collect() };
        let answer: v1::EndBatchResponse = self.call(END_BATCH, request, self.call_timeout()).await?;
        one_for_each(answer.answers, results.len())
    }

    /// Stores a signed `progress.v1` document of a running attempt.
    pub async fn report(&self, progress: &Envelope) -> Result<(), ClientError> {
        let request = v1::ReportRequest { progress: Some(envelope_to_proto(progress)) };
        let v1::ReportResponse {} = self.call("/apiary.v1.LeaseService/Report", request, self.call_timeout()).await?;
        Ok(())
    }

    /// Stores log lines of a running attempt: 1 to 1000 of them, oldest first.
    pub async fn add_logs(
        &self,
        process_id: Uuid,
        attempt: i32,
        lines: Vec<v1::NewLogLine>,
    ) -> Result<v1::AddLogsResponse, ClientError> {
        let request = v1::AddLogsRequest { process_id: process_id.to_string(), attempt, lines };
        self.call_signed("/apiary.v1.LeaseService/AddLogs", request, self.call_timeout()).await
    }

    /// Attaches values to a process while it runs: 1 to 64 of them.
    pub async fn set_attributes(
        &self,
        process_id: Uuid,
        attempt: i32,
        attributes: Vec<v1::NewAttribute>,
    ) -> Result<(), ClientError> {
        let request = v1::SetAttributesRequest { process_id: process_id.to_string(), attempt, attributes };
        let v1::SetAttributesResponse {} =
            self.call_signed("/apiary.v1.LeaseService/SetAttributes", request, self.call_timeout()).await?;
        Ok(())
    }

    /// Releases a process: it waits again at once, and no retry is spent.
    pub async fn release(&self, process_id: Uuid, attempt: i32) -> Result<(), ClientError> {
        self.release_for(process_id, attempt, Duration::ZERO).await
    }

    /// Releases a process to be tried again after `delay`, at most a year: it snoozes, and no retry is spent.
    pub async fn release_for(&self, process_id: Uuid, attempt: i32, delay: Duration) -> Result<(), ClientError> {
        self.give_back(process_id, attempt, delay, String::new(), String::new()).await
    }

    /// Releases a process to be tried again after `delay`, with a reason for people: at most 4096 bytes, without
    /// secrets.
    pub async fn release_because(
        &self,
        process_id: Uuid,
        attempt: i32,
        delay: Duration,
        reason: &str,
    ) -> Result<(), ClientError> {
        self.give_back(process_id, attempt, delay, cut_text(reason, REASON_BYTES_MAX), String::new()).await
    }

    /// Releases a process to be tried again after `delay`, because of a problem in its surroundings, such as an
    /// unreachable database, a refused key or an exhausted quota. The colony's health shows the problem for as long as
    /// any process waits for it. `cause` is a stable name for it, at most 128 bytes, such as `supabase-key`; `reason`
    /// is the problem and its remedy.
    pub async fn release_to_wait(
        &self,
        process_id: Uuid,
        attempt: i32,
        delay: Duration,
        cause: &str,
        reason: &str,
    ) -> Result<(), ClientError> {
        let cause = cut_text(&cause.replace(char::is_control, " "), SURROUNDINGS_BYTES_MAX);
        let reason = cut_text(reason, REASON_BYTES_MAX);
        self.give_back(process_id, attempt, delay, reason, cause).await
    }

    async fn give_back(
        &self,
        process_id: Uuid,
        attempt: i32,
        delay: Duration,
        reason: String,
        surroundings: String,
    ) -> Result<(), ClientError> {
        let request = v1::ReleaseRequest {
            process_id: process_id.to_string(),
            attempt,
            delay_ms: millis(delay),
            reason,
            surroundings,
        };
        let v1::ReleaseResponse {} =
            self.call_signed("/apiary.v1.LeaseService/Release", request, self.call_timeout()).await?;
        Ok(())
    }
}

/// Checks that there is one answer for each result.
pub(crate) fn one_for_each(answers: Vec<v1::EndAnswer>, results: usize) -> Result<Vec<v1::EndAnswer>, ClientError> {
    match answers.len() == results {
        true => Ok(answers),
        false => Err(ClientError::Answer("it has not one answer for each result".to_owned())),
    }
}

/// Converts a duration to whole milliseconds for the wire.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
