//! Grants.

use apiary_identity::Envelope;
use apiary_proto::v1;

use super::Client;
use crate::ClientError;
use crate::wire::envelope_to_proto;

impl Client {
    /// Stores a `grant.v1` document signed by the colony. Repeating the call changes nothing.
    pub async fn add_grant(&self, grant: &Envelope) -> Result<v1::AddGrantResponse, ClientError> {
        let request = v1::AddGrantRequest { grant: Some(envelope_to_proto(grant)) };
        self.call("/apiary.v1.GrantService/AddGrant", request, self.call_timeout()).await
    }

    /// Ends the grants named by a `revocation.v1` document signed by the colony. Repeating the call changes nothing.
    pub async fn revoke_grant(&self, revocation: &Envelope) -> Result<v1::RevokeGrantResponse, ClientError> {
        let request = v1::RevokeGrantRequest { revocation: Some(envelope_to_proto(revocation)) };
        self.call("/apiary.v1.GrantService/RevokeGrant", request, self.call_timeout()).await
    }

    /// Lists the colony's grants, oldest first, by pages. For the colony's own key, or a key with the right `read`.
    pub async fn list_grants(&self, request: v1::ListGrantsRequest) -> Result<v1::ListGrantsResponse, ClientError> {
        self.call_signed("/apiary.v1.GrantService/ListGrants", request, self.call_timeout()).await
    }
}
