//! Pauses.

use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Pauses a colony, an executor type or a function: none of its processes are handed out, running ones continue.
    /// Repeating the call changes nothing. For the colony's own key, or a key with the right `pause`.
    pub async fn pause(&self, request: v1::PauseRequest) -> Result<v1::PauseResponse, ClientError> {
        self.call_signed("/apiary.v1.PauseService/Pause", request, self.call_timeout()).await
    }

    /// Ends a pause: waiting executors get their work at once. For the colony's own key, or a key with the right
    /// `pause`.
    pub async fn resume(&self, request: v1::ResumeRequest) -> Result<v1::ResumeResponse, ClientError> {
        self.call_signed("/apiary.v1.PauseService/Resume", request, self.call_timeout()).await
    }

    /// Lists the pauses, by kind and name. For every member of the colony.
    pub async fn list_pauses(&self) -> Result<v1::ListPausesResponse, ClientError> {
        let request = v1::ListPausesRequest {};
        self.call_signed("/apiary.v1.PauseService/ListPauses", request, self.call_timeout()).await
    }
}
