//! `LeaseService`.

use apiary_identity::Envelope;
use apiary_proto::v1 as pb;
use apiary_proto::v1::lease_service_server::LeaseService;
use apiary_protocol::Reason;
use futures::future::join_all;
use tonic::{Request, Response, Status};

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode, encode, running};
use crate::Error;
use crate::auth::End;
use crate::engine::ClaimAnswer;

#[tonic::async_trait]
impl LeaseService for Rpc {
    async fn claim(&self, request: Request<pb::ClaimRequest>) -> Result<Response<pb::ClaimResponse>, Status> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let results = std::mem::take(&mut request.results);
        let order = decode::claim(request, !results.is_empty()).map_err(refused)?;
        let (permit, grants) = self.auth.permit_claim(&caller, &order.executor_type).await.map_err(refused)?;
        if results.is_empty() {
            let claimed = self.engine.claim(permit, &grants, order).await;
            let answer = self.auth.by_caller(&caller, claimed).map_err(refused)?;
            return Ok(Response::new(encode::claim_response(answer)));
        }
        decode::check_batch("results", results.len()).map_err(refused)?;
        // All are checked before the first is stored, so that they and the claim meet in one commit.
        let permitted = join_all(results.into_iter().map(|result| self.permitted(result))).await;
        let ends = join_all(permitted.into_iter().map(|end| self.end(end)));
        let (ends, claimed) = futures::join!(ends, self.engine.claim(permit, &grants, order));
        let answer = match claimed {
            Ok(answer) => answer,
            // Work may have been leased, and whoever hears of this names what it has. The results may come again.
            Err(error) if is_of_unknown_outcome(&error) => return Err(refused(error)),
            // The results count, and whoever claims next is told why it failed.
            Err(error) => {
                tracing::debug!(%error, "no claim after results");
                ClaimAnswer { drain: matches!(error, Error::Draining), ..ClaimAnswer::default() }
            }
        };
        let answers = ends.into_iter().map(encode::end_answer).collect();
        Ok(Response::new(pb::ClaimResponse { answers, ..encode::claim_response(answer) }))
    }

    async fn renew(&self, request: Request<pb::RenewRequest>) -> Result<Response<pb::RenewResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let process_id = decode::process_id(&request.process_id).map_err(refused)?;
        let lease_ms = decode::lease_ms(request.lease_ms).map_err(refused)?;
        let renewed = self.engine.renew(permit, process_id, request.attempt, lease_ms).await.map_err(refused)?;
        Ok(Response::new(encode::renew_response(renewed)))
    }

    async fn complete(&self, request: Request<pb::CompleteRequest>) -> Result<Response<pb::CompleteResponse>, Status> {
        let envelope = decode::envelope("result", request.into_inner().result).map_err(refused)?;
        let (permit, outcome) = self.auth.permit_result(&envelope).await.map_err(refused)?;
        let ended = self.engine.complete(permit, &outcome, envelope).await.map_err(refused)?;
        Ok(Response::new(pb::CompleteResponse { existed: ended.existed }))
    }

    async fn fail(&self, request: Request<pb::FailRequest>) -> Result<Response<pb::FailResponse>, Status> {
        let envelope = decode::envelope("result", request.into_inner().result).map_err(refused)?;
        let (permit, outcome) = self.auth.permit_result(&envelope).await.map_err(refused)?;
        let failed = self.engine.fail(permit, outcome, envelope).await.map_err(refused)?;
        Ok(Response::new(pb::FailResponse {
            existed: failed.ended.existed,
            retry_at_ms: failed.retry_at_ms.unwrap_or(0),
        }))
    }

    async fn release(&self, request: Request<pb::ReleaseRequest>) -> Result<Response<pb::ReleaseResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let process_id = decode::process_id(&request.process_id).map_err(refused)?;
        let attempt = request.attempt;
        let back = decode::back(request).map_err(refused)?;
        self.engine.release(permit, process_id, attempt, back).await.map_err(refused)?;
        Ok(Response::new(pb::ReleaseResponse {}))
    }

    async fn end_batch(&self, request: Request<pb::EndBatchRequest>) -> Result<Response<pb::EndBatchResponse>, Status> {
        let results = request.into_inner().results;
        decode::check_batch("results", results.len()).map_err(refused)?;
        let answers = results.into_iter().map(|result| async { self.end(self.permitted(result).await).await });
        let answers = join_all(answers).await;
        Ok(Response::new(pb::EndBatchResponse { answers: answers.into_iter().map(encode::end_answer).collect() }))
    }

    async fn report(&self, request: Request<pb::ReportRequest>) -> Result<Response<pb::ReportResponse>, Status> {
        let envelope = decode::envelope("progress", request.into_inner().progress).map_err(refused)?;
        let (permit, progress) = self.auth.permit_report(&envelope).await.map_err(refused)?;
        self.engine.report(permit, progress, envelope).await.map_err(refused)?;
        Ok(Response::new(pb::ReportResponse {}))
    }

    async fn add_logs(&self, request: Request<pb::AddLogsRequest>) -> Result<Response<pb::AddLogsResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let process_id = decode::process_id(&request.process_id).map_err(refused)?;
        let lines = running::log_lines(request.lines).map_err(refused)?;
        let dropped = self.engine.add_logs(permit, process_id, request.attempt, lines).await.map_err(refused)?;
        Ok(Response::new(pb::AddLogsResponse { dropped: i32::try_from(dropped).unwrap_or(i32::MAX) }))
    }

    async fn set_attributes(
        &self,
        request: Request<pb::SetAttributesRequest>,
    ) -> Result<Response<pb::SetAttributesResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let process_id = decode::process_id(&request.process_id).map_err(refused)?;
        let attributes = running::attributes(request.attributes).map_err(refused)?;
        self.engine.set_attributes(permit, process_id, request.attempt, attributes).await.map_err(refused)?;
        Ok(Response::new(pb::SetAttributesResponse {}))
    }
}

fn is_of_unknown_outcome(error: &Error) -> bool {
    matches!(error.reason(), Reason::Unavailable | Reason::Internal | Reason::DeadlineExceeded)
}

impl Rpc {
    /// Checks one result of a batch.
    async fn permitted(&self, result: pb::Envelope) -> Result<(End, Envelope), Error> {
        let envelope = decode::envelope("results", Some(result))?;
        Ok((self.auth.permit_end(&envelope).await?, envelope))
    }

    /// Ends one attempt of a batch: `Complete` or `Fail`, according to its outcome.
    async fn end(&self, permitted: Result<(End, Envelope), Error>) -> Result<pb::EndAnswer, Error> {
        let (existed, retry_at_ms) = match permitted? {
            (End::Complete(permit, outcome), envelope) => {
                (self.engine.complete(permit, &outcome, envelope).await?.existed, None)
            }
            (End::Fail(permit, outcome), envelope) => {
                let failed = self.engine.fail(permit, outcome, envelope).await?;
                (failed.ended.existed, failed.retry_at_ms)
            }
        };
        Ok(pb::EndAnswer { existed, retry_at_ms: retry_at_ms.unwrap_or(0), ..Default::default() })
    }
}
