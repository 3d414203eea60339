//! Colonies.

use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Creates this client's colony under a name: 1 to 63 of `a-z`, `0-9`, `-`, starting with a letter. The
    /// client's key must be the server owner's. The same colony and name again changes nothing.
    pub async fn create_colony(&self, name: &str) -> Result<v1::Colony, ClientError> {
        let request = v1::CreateColonyRequest { colony_id: self.colony().to_string(), name: name.to_owned() };
        let answer: v1::CreateColonyResponse =
            self.call_signed("/apiary.v1.ColonyService/CreateColony", request, self.call_timeout()).await?;
        answer.colony.ok_or_else(|| ClientError::Answer("it names no colony".to_owned()))
    }

    /// Reads this client's colony, and how many processes are in each state.
    pub async fn get_colony(&self) -> Result<v1::GetColonyResponse, ClientError> {
        self.call_signed("/apiary.v1.ColonyService/GetColony", v1::GetColonyRequest {}, self.call_timeout()).await
    }

    /// Reads what needs somebody's attention in this client's colony, the worst first.
    pub async fn get_health(&self) -> Result<v1::GetHealthResponse, ClientError> {
        self.call_signed("/apiary.v1.ColonyService/GetHealth", v1::GetHealthRequest {}, self.call_timeout()).await
    }
}
