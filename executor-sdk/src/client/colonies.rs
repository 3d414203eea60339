//! Colonies.

use apiary_identity::Envelope;
use apiary_proto::v1;

use super::Client;
use crate::ClientError;
use crate::wire::{envelope_from_proto, envelope_to_proto};

impl Client {
    /// Creates this client's colony under a name: 1 to 63 of `a-z`, `0-9`, `-`, starting with a letter. The client's
    /// key must be the server owner's. Repeating the call with the same colony and name changes nothing.
    pub async fn create_colony(&self, name: &str) -> Result<v1::Colony, ClientError> {
        let request = v1::CreateColonyRequest { colony_id: self.colony().to_string(), name: name.to_owned() };
        let answer: v1::CreateColonyResponse =
            self.call_signed("/apiary.v1.ColonyService/CreateColony", request, self.call_timeout()).await?;
        answer.colony.ok_or_else(|| ClientError::Answer("it names no colony".to_owned()))
    }

    /// Reads this client's colony, and the number of processes in each state.
    pub async fn get_colony(&self) -> Result<v1::GetColonyResponse, ClientError> {
        self.call_signed("/apiary.v1.ColonyService/GetColony", v1::GetColonyRequest {}, self.call_timeout()).await
    }

    /// Reads the health of this client's colony: the conditions that need attention, the worst first.
    pub async fn get_health(&self) -> Result<v1::GetHealthResponse, ClientError> {
        self.call_signed("/apiary.v1.ColonyService/GetHealth", v1::GetHealthRequest {}, self.call_timeout()).await
    }

    /// Stores a `guard.v1` document signed by the colony, in place of an older version. Repeating the call changes
    /// nothing; an older version is refused with `TAKEN`.
    pub async fn set_guard(&self, guard: &Envelope) -> Result<(), ClientError> {
        let request = v1::SetGuardRequest { guard: Some(envelope_to_proto(guard)) };
        let _: v1::SetGuardResponse =
            self.call("/apiary.v1.ColonyService/SetGuard", request, self.call_timeout()).await?;
        Ok(())
    }

    /// Reads the colony's rules; `None` if it never set any. They are untrusted until they are verified, as
    /// [`Guard::with_colony`](crate::guard::Guard::with_colony) does. For every member of the colony.
    pub async fn get_guard(&self) -> Result<Option<Envelope>, ClientError> {
        let answer: v1::GetGuardResponse =
            self.call_signed("/apiary.v1.ColonyService/GetGuard", v1::GetGuardRequest {}, self.call_timeout()).await?;
        answer.guard.as_ref().map(envelope_from_proto).transpose()
    }
}
