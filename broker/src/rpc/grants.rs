//! `GrantService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::grant_service_server::GrantService;
use tonic::{Request, Response, Status};

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode, encode};

#[tonic::async_trait]
impl GrantService for Rpc {
    async fn add_grant(&self, request: Request<pb::AddGrantRequest>) -> Result<Response<pb::AddGrantResponse>, Status> {
        let envelope = decode::envelope("grant", request.into_inner().grant).map_err(refused)?;
        let (permit, grant) = self.auth.permit_add_grant(&envelope).await.map_err(refused)?;
        let existed = self.engine.add_grant(permit, &grant, &envelope).await.map_err(refused)?;
        Ok(Response::new(pb::AddGrantResponse { grant_id: grant.grant_id.to_string(), existed }))
    }

    async fn list_grants(
        &self,
        request: Request<pb::ListGrantsRequest>,
    ) -> Result<Response<pb::ListGrantsResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let page = decode::grant_page(request.page_size, &request.page_token).map_err(refused)?;
        let grants = self.engine.list_grants(permit, page).await.map_err(refused)?;
        Ok(Response::new(encode::grant_page(&grants)))
    }

    async fn revoke_grant(
        &self,
        request: Request<pb::RevokeGrantRequest>,
    ) -> Result<Response<pb::RevokeGrantResponse>, Status> {
        let envelope = decode::envelope("revocation", request.into_inner().revocation).map_err(refused)?;
        let (permit, revocation) = self.auth.permit_revoke_grant(&envelope).await.map_err(refused)?;
        let revoked = self.engine.revoke_grant(permit, &revocation, &envelope).await.map_err(refused)?;
        Ok(Response::new(encode::revoked(&revoked)))
    }
}
