//! Reads of single objects for the order of events.

use async_trait::async_trait;
use serde_json::Value;

use super::client::StripeApi;
use super::error::StripeError;
use crate::finance::reads::{ReadError, StripeReads};

#[async_trait]
impl StripeReads for StripeApi {
    async fn object(&self, account: &str, livemode: bool, kind: &str, id: &str) -> Result<Value, ReadError> {
        let account = Some(account).filter(|account| !account.is_empty());
        match self.retrieve_object(account, livemode, kind, id).await {
            Ok(Some(reading)) => Ok(reading.object),
            Ok(None) => Err(ReadError::NotFound(format!("{kind} `{id}`"))),
            Err(StripeError::Unavailable { what, retry_after } | StripeError::RateLimited { what, retry_after }) => {
                Err(ReadError::Unavailable { what, retry_after })
            }
            Err(error) => Err(ReadError::Refused(error.to_string())),
        }
    }
}
