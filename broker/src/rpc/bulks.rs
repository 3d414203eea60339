//! `BulkService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::bulk_service_server::BulkService;
use apiary_store::model::BulkState;
use tonic::{Request, Response, Status};

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode, encode};

#[tonic::async_trait]
impl BulkService for Rpc {
    async fn start_bulk(
        &self,
        request: Request<pb::StartBulkRequest>,
    ) -> Result<Response<pb::StartBulkResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let order = decode::bulk_order(request.into_inner()).map_err(refused)?;
        let bulk = self.engine.start_bulk(permit, order).await.map_err(refused)?;
        Ok(Response::new(pb::StartBulkResponse { bulk: Some(encode::bulk(bulk)) }))
    }

    async fn get_bulk(&self, request: Request<pb::GetBulkRequest>) -> Result<Response<pb::GetBulkResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let bulk_id = decode::bulk_id(&request.into_inner().bulk_id).map_err(refused)?;
        let bulk = self.engine.get_bulk(permit, bulk_id).await.map_err(refused)?;
        Ok(Response::new(pb::GetBulkResponse { bulk: Some(encode::bulk(bulk)) }))
    }

    async fn list_bulks(
        &self,
        request: Request<pb::ListBulksRequest>,
    ) -> Result<Response<pb::ListBulksResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let bulks = self.engine.list_bulks(permit).await.map_err(refused)?;
        Ok(Response::new(pb::ListBulksResponse { bulks: bulks.into_iter().map(encode::bulk).collect() }))
    }

    async fn stop_bulk(&self, request: Request<pb::StopBulkRequest>) -> Result<Response<pb::StopBulkResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let bulk_id = decode::bulk_id(&request.bulk_id).map_err(refused)?;
        let wanted = if request.go_on { BulkState::Running } else { BulkState::Stopped };
        let bulk = self.engine.stop_bulk(permit, bulk_id, wanted).await.map_err(refused)?;
        Ok(Response::new(pb::StopBulkResponse { bulk: Some(encode::bulk(bulk)) }))
    }
}
