//! Operators' actions on processes.

use std::time::Duration;

use apiary_identity::{Envelope, Spec};
use apiary_proto::v1;
use uuid::Uuid;

use super::Client;
use super::leases::millis;
use crate::ClientError;
use crate::wire::envelope_to_proto;

impl Client {
    /// Cancels a process: at once if it is not running; else its executor is notified with its next heartbeat, and has
    /// `grace` to stop by itself, at most an hour (30 s if `None`). A finished process is refused with
    /// `STATE_CONFLICT`.
    pub async fn cancel(
        &self,
        process_id: Uuid,
        reason: &str,
        grace: Option<Duration>,
    ) -> Result<v1::Process, ClientError> {
        let request = v1::CancelRequest {
            process_id: process_id.to_string(),
            reason: reason.to_owned(),
            grace_ms: grace.map_or(-1, millis),
        };
        let answer: v1::CancelResponse =
            self.call_signed("/apiary.v1.ProcessService/Cancel", request, self.call_timeout()).await?;
        present(answer.process)
    }

    /// Puts a dead letter or a failed process back in the queue, with all its retries.
    pub async fn redrive(&self, process_id: Uuid) -> Result<v1::Process, ClientError> {
        self.call_redrive(v1::RedriveRequest { process_id: process_id.to_string(), spec: None }).await
    }

    /// Signs a spec with a new id and submits it in place of a dead letter or a failed process, which is then failed
    /// and names its replacement. Returns the new process. Repeating the call changes nothing.
    pub async fn redrive_as(&self, process_id: Uuid, spec: &Spec) -> Result<v1::Process, ClientError> {
        self.redrive_as_envelope(process_id, &Envelope::seal(self.key(), spec)?).await
    }

    /// Submits an already signed spec in place of a dead letter or a failed process.
    pub async fn redrive_as_envelope(&self, process_id: Uuid, spec: &Envelope) -> Result<v1::Process, ClientError> {
        let spec = Some(envelope_to_proto(spec));
        self.call_redrive(v1::RedriveRequest { process_id: process_id.to_string(), spec }).await
    }

    /// Discards a dead letter, which becomes failed.
    pub async fn discard(&self, process_id: Uuid, reason: &str) -> Result<v1::Process, ClientError> {
        let request = v1::DiscardRequest { process_id: process_id.to_string(), reason: reason.to_owned() };
        let answer: v1::DiscardResponse =
            self.call_signed("/apiary.v1.ProcessService/Discard", request, self.call_timeout()).await?;
        present(answer.process)
    }

    /// Ends the back-off, snooze or `not_before` of a blocked process, so that it waits to be claimed. A process that
    /// waits for parents is refused.
    pub async fn retry(&self, process_id: Uuid) -> Result<v1::Process, ClientError> {
        let request = v1::RetryRequest { process_id: process_id.to_string() };
        let answer: v1::RetryResponse =
            self.call_signed("/apiary.v1.ProcessService/Retry", request, self.call_timeout()).await?;
        present(answer.process)
    }

    /// Deletes a process that is not running, with everything that belongs to it. For the colony's own key only.
    pub async fn delete(&self, process_id: Uuid) -> Result<(), ClientError> {
        let request = v1::DeleteRequest { process_id: process_id.to_string() };
        let v1::DeleteResponse {} =
            self.call_signed("/apiary.v1.ProcessService/Delete", request, self.call_timeout()).await?;
        Ok(())
    }

    async fn call_redrive(&self, request: v1::RedriveRequest) -> Result<v1::Process, ClientError> {
        let answer: v1::RedriveResponse =
            self.call_signed("/apiary.v1.ProcessService/Redrive", request, self.call_timeout()).await?;
        present(answer.process)
    }
}

fn present(process: Option<v1::Process>) -> Result<v1::Process, ClientError> {
    process.ok_or_else(|| ClientError::Answer("it has no process".to_owned()))
}
