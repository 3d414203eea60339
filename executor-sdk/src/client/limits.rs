//! Limits.

use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Sets a limit, in place of one of the same kind and pattern. It takes effect at once, at every broker. For the
    /// colony's own key, or a key with the right `operate`.
    pub async fn set_limit(&self, limit: v1::Limit) -> Result<v1::LimitRecord, ClientError> {
        let request = v1::SetLimitRequest { limit: Some(limit) };
        let answer: v1::SetLimitResponse =
            self.call_signed("/apiary.v1.LimitService/SetLimit", request, self.call_timeout()).await?;
        answer.limit.ok_or(ClientError::Answer("the broker did not say which limit it keeps".to_owned()))
    }

    /// Removes a limit; returns `false` if there was none. For the colony's own key, or a key with the right `operate`.
    pub async fn remove_limit(&self, kind: &str, pattern: &str) -> Result<bool, ClientError> {
        let request = v1::RemoveLimitRequest { kind: kind.to_owned(), pattern: pattern.to_owned() };
        let answer: v1::RemoveLimitResponse =
            self.call_signed("/apiary.v1.LimitService/RemoveLimit", request, self.call_timeout()).await?;
        Ok(answer.existed)
    }

    /// Lists the limits, by kind and pattern, with their current use. For every member of the colony.
    pub async fn list_limits(&self) -> Result<Vec<v1::LimitRecord>, ClientError> {
        let request = v1::ListLimitsRequest {};
        let answer: v1::ListLimitsResponse =
            self.call_signed("/apiary.v1.LimitService/ListLimits", request, self.call_timeout()).await?;
        Ok(answer.limits)
    }
}
