//! `ProcessService`.

use apiary_identity::Envelope;
use apiary_proto::v1 as pb;
use apiary_proto::v1::process_service_server::ProcessService;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode, encode};
use crate::Error;

impl Rpc {
    /// What both doors for specs do: this service, and `POST /v1/processes`.
    pub(super) async fn submit_envelope(&self, envelope: Envelope) -> Result<pb::SubmitResponse, Error> {
        let (permit, spec) = self.auth.permit_submit(&envelope).await?;
        let kept = self.engine.submit(permit, spec, envelope).await?;
        Ok(pb::SubmitResponse {
            process_id: kept.process_id.to_string(),
            existed: kept.existed,
            state: encode::state(kept.state).into(),
        })
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
        let processes = self.engine.list_processes(permit, &filter, page).await.map_err(refused)?;
        Ok(Response::new(encode::process_page(processes)))
    }

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let target = decode::watch(request.into_inner()).map_err(refused)?;
        let sightings = self.engine.watch(permit, target).await.map_err(refused)?;
        let stream = ReceiverStream::new(sightings).map(|seen| {
            let process = seen.map_err(refused)?;
            Ok(pb::WatchResponse { process: Some(encode::process(process)) })
        });
        Ok(Response::new(stream.boxed()))
    }
}
