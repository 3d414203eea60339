//! `ProcessService`.

use apiary_identity::Envelope;
use apiary_proto::v1 as pb;
use apiary_proto::v1::process_service_server::ProcessService;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode, encode, explanations, running};
use crate::Error;
use crate::engine::{Replacement, Submission};

impl Rpc {
    /// Submits a spec, from this service or from `POST /v1/processes`.
    pub(super) async fn submit_envelope(&self, envelope: Envelope) -> Result<pb::SubmitResponse, Error> {
        let (permit, spec) = self.auth.permit_submit(&envelope).await?;
        self.engine.submit(permit, spec, envelope).await.map(encode::submit_response)
    }

    async fn permit_submit(&self, spec: pb::Envelope) -> Result<Submission, Error> {
        let envelope = decode::envelope("specs", Some(spec))?;
        let (permit, spec) = self.auth.permit_submit(&envelope).await?;
        Ok(Submission { permit, spec, envelope })
    }
}

#[tonic::async_trait]
impl ProcessService for Rpc {
    type WatchStream = BoxStream<'static, Result<pb::WatchResponse, Status>>;

    async fn submit(&self, request: Request<pb::SubmitRequest>) -> Result<Response<pb::SubmitResponse>, Status> {
        let envelope = decode::envelope("spec", request.into_inner().spec).map_err(refused)?;
        Ok(Response::new(self.submit_envelope(envelope).await.map_err(refused)?))
    }

    async fn get_process(
        &self,
        request: Request<pb::GetProcessRequest>,
    ) -> Result<Response<pb::GetProcessResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let process_id = decode::process_id(&request.into_inner().process_id).map_err(refused)?;
        let detail = self.engine.get_process(permit, process_id).await.map_err(refused)?;
        Ok(Response::new(encode::detail(detail)))
    }

    async fn list_processes(
        &self,
        request: Request<pb::ListProcessesRequest>,
    ) -> Result<Response<pb::ListProcessesResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let filter = decode::filter(request.filter).map_err(refused)?;
        let page = decode::process_page(request.page_size, &request.page_token).map_err(refused)?;
        let processes = self.engine.list_processes(permit, filter, page).await.map_err(refused)?;
        Ok(Response::new(encode::process_page(processes)))
    }

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let caller = caller(&request)?;
        let permit = self.auth.permit(&caller).await.map_err(refused)?;
        let target = decode::watch(request.into_inner()).map_err(refused)?;
        let sightings = self.engine.watch(permit, target).await;
        let sightings = self.auth.by_caller(&caller, sightings).map_err(refused)?;
        Ok(Response::new(running::sightings(sightings).boxed()))
    }

    async fn submit_batch(
        &self,
        request: Request<pb::SubmitBatchRequest>,
    ) -> Result<Response<pb::SubmitBatchResponse>, Status> {
        let specs = request.into_inner().specs;
        decode::check_batch("specs", specs.len()).map_err(refused)?;
        // Permits one after the other, so that the submits start in order.
        let mut permitted = Vec::with_capacity(specs.len());
        for spec in specs {
            permitted.push(self.permit_submit(spec).await);
        }
        let kept = self.engine.submit_batch(permitted).await;
        let answers = kept.into_iter().map(encode::submit_answer).collect();
        Ok(Response::new(pb::SubmitBatchResponse { answers }))
    }

    async fn r#await(&self, request: Request<pb::AwaitRequest>) -> Result<Response<pb::AwaitResponse>, Status> {
        let caller = caller(&request)?;
        let permit = self.auth.permit(&caller).await.map_err(refused)?;
        let request = request.into_inner();
        let process_id = decode::process_id(&request.process_id).map_err(refused)?;
        let wait = decode::wait(request.wait_ms).map_err(refused)?;
        let awaited = self.engine.r#await(permit, process_id, wait).await;
        let awaited = self.auth.by_caller(&caller, awaited).map_err(refused)?;
        Ok(Response::new(encode::await_response(awaited)))
    }

    async fn cancel(&self, request: Request<pb::CancelRequest>) -> Result<Response<pb::CancelResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let process_id = decode::process_id(&request.process_id).map_err(refused)?;
        let grace_ms = decode::grace_ms(request.grace_ms).map_err(refused)?;
        let reason = decode::reason(request.reason).map_err(refused)?;
        let process = self.engine.cancel(permit, process_id, reason, grace_ms).await.map_err(refused)?;
        Ok(Response::new(pb::CancelResponse { process: Some(encode::process(process)) }))
    }

    async fn redrive(&self, request: Request<pb::RedriveRequest>) -> Result<Response<pb::RedriveResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let process_id = decode::process_id(&request.process_id).map_err(refused)?;
        let process = match request.spec {
            None => self.engine.redrive(permit, process_id).await,
            spec => {
                let envelope = decode::envelope("spec", spec).map_err(refused)?;
                let (submit, spec) = self.auth.permit_submit(&envelope).await.map_err(refused)?;
                self.engine.redrive_as(permit, process_id, Replacement { permit: submit, spec, envelope }).await
            }
        };
        let process = encode::process(process.map_err(refused)?);
        Ok(Response::new(pb::RedriveResponse { process: Some(process) }))
    }

    async fn discard(&self, request: Request<pb::DiscardRequest>) -> Result<Response<pb::DiscardResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let process_id = decode::process_id(&request.process_id).map_err(refused)?;
        let reason = decode::reason(request.reason).map_err(refused)?;
        let process = self.engine.discard(permit, process_id, reason).await.map_err(refused)?;
        Ok(Response::new(pb::DiscardResponse { process: Some(encode::process(process)) }))
    }

    async fn retry(&self, request: Request<pb::RetryRequest>) -> Result<Response<pb::RetryResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let process_id = decode::process_id(&request.into_inner().process_id).map_err(refused)?;
        let process = self.engine.retry(permit, process_id).await.map_err(refused)?;
        Ok(Response::new(pb::RetryResponse { process: Some(encode::process(process)) }))
    }

    async fn delete(&self, request: Request<pb::DeleteRequest>) -> Result<Response<pb::DeleteResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let process_id = decode::process_id(&request.into_inner().process_id).map_err(refused)?;
        self.engine.delete(permit, process_id).await.map_err(refused)?;
        Ok(Response::new(pb::DeleteResponse {}))
    }

    async fn list_logs(&self, request: Request<pb::ListLogsRequest>) -> Result<Response<pb::ListLogsResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let (filter, order) = running::log_order(request.into_inner()).map_err(refused)?;
        let page = self.engine.list_logs(permit, &filter, order).await.map_err(refused)?;
        Ok(Response::new(running::log_page(page)))
    }

    async fn explain(&self, request: Request<pb::ExplainRequest>) -> Result<Response<pb::ExplainResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let process_id = decode::process_id(&request.into_inner().process_id).map_err(refused)?;
        let explanation = self.engine.explain(permit, process_id).await.map_err(refused)?;
        Ok(Response::new(explanations::explanation(explanation)))
    }
}
