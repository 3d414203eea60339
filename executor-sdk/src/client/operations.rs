//! What operators do to processes.

use std::time::Duration;

use apiary_identity::{Envelope, Spec};
use apiary_proto::v1;
use uuid::Uuid;

use super::Client;
use super::leases::millis;
use crate::ClientError;
use crate::wire::envelope_to_proto;

impl Client {
    /// Cancels a process: at once if it does not run; else its executor is told with its next heartbeat, and has `grace` to stop
    /// by itself, at most an hour (30 s if `None`). What is finished is refused with `STATE_CONFLICT`.
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

    /// Lets a dead letter or a failed process wait again, with all its retries.
    pub async fn redrive(&self, process_id: Uuid) -> Result<v1::Process, ClientError> {
        self.call_redrive(v1::RedriveRequest { process_id: process_id.to_string(), spec: None }).await
    }

    /// Signs a spec of a new id and submits it in the place of a dead letter or a failed process, which is failed then and says by
    /// which it was replaced. The new process is answered; the same call again changes nothing more.
    pub async fn redrive_as(&self, process_id: Uuid, spec: &Spec) -> Result<v1::Process, ClientError> {
        self.redrive_as_envelope(process_id, &Envelope::seal(self.key(), spec)?).await
    }

    /// The same with a spec that was signed before, perhaps elsewhere.
    pub async fn redrive_as_envelope(&self, process_id: Uuid, spec: &Envelope) -> Result<v1::Process, ClientError> {
        let spec = Some(envelope_to_proto(spec));
        self.call_redrive(v1::RedriveRequest { process_id: process_id.to_string(), spec }).await
    }

    /// Gives a dead letter up: it is failed from then on.
    pub async fn discard(&self, process_id: Uuid, reason: &str) -> Result<v1::Process, ClientError> {
        let request = v1::DiscardRequest { process_id: process_id.to_string(), reason: reason.to_owned() };
        let answer: v1::DiscardResponse =
            self.call_signed("/apiary.v1.ProcessService/Discard", request, self.call_timeout()).await?;
        present(answer.process)
    }

    /// Lets a blocked process wait now: its back-off, snooze or `not_before` is over. One that waits for parents is refused.
    pub async fn retry(&self, process_id: Uuid) -> Result<v1::Process, ClientError> {
        let request = v1::RetryRequest { process_id: process_id.to_string() };
        let answer: v1::RetryResponse =
            self.call_signed("/apiary.v1.ProcessService/Retry", request, self.call_timeout()).await?;
        present(answer.process)
    }

    /// Deletes a process that does not run, with all that belongs to it. Only the colony's own key may.
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
