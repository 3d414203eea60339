//! Specs that are submitted together.

use apiary_identity::{Document as _, Envelope, Spec};
use apiary_proto::v1;
use bytes::Bytes;

use super::batcher::{Answers, apart};
use super::processes::{SUBMIT, SUBMIT_BATCH};
use super::{BatchRefusal, Client, SubmitResult, within};
use crate::ClientError;
use crate::limits::sending_time;

impl Client {
    /// Signs a spec and submits it. The process is stored durably once this returns. Submitting the same spec again
    /// returns the same process, so that the call may be repeated, as [`retry`](crate::retry()) does.
    ///
    /// A spec goes at once, unless another submit of this client or of its clones is under way. Those that come meanwhile
    /// are signed and sent together, with one signature and one call; each still has an answer of its own. So many
    /// concurrent submits through one client cost less than through many clients, or one after the other.
    pub async fn submit(&self, spec: &Spec) -> Result<SubmitResult, ClientError> {
        // Checked and printed here: an invalid spec is refused at once, and never comes among those of others.
        let payload: Bytes = spec.to_json()?.into();
        let (client, bytes) = (self.clone(), payload.len());
        let sending = self.shared.submits.send(payload, bytes, move |specs| {
            let client = client.clone();
            Box::pin(async move { client.submit_together(specs).await })
        });
        within(self.call_timeout().saturating_add(sending_time(bytes)), SUBMIT, sending).await
    }

    /// Signs specs and submits them in their order, with one signature and one call, so that those of one priority are
    /// handed out in this order. Each has an answer of its own: a refused spec does not affect the others. Like
    /// [`submit`](Self::submit), the call may be repeated. Takes up to 1000 specs, of up to 8 MiB together.
    pub async fn submit_all(&self, specs: &[Spec]) -> Vec<Result<SubmitResult, ClientError>> {
        let printed: Vec<Result<Bytes, ClientError>> =
            specs.iter().map(|spec| Ok(Bytes::from(spec.to_json()?))).collect();
        let valid: Vec<Bytes> = printed.iter().filter_map(|spec| spec.as_ref().ok().cloned()).collect();
        let mut answers = if valid.is_empty() { Vec::new() } else { self.submit_together(valid).await }.into_iter();
        let nothing = || Err(ClientError::Answer("it has not one answer for each spec".to_owned()));
        printed.into_iter().map(|spec| spec.and_then(|_| answers.next().unwrap_or_else(nothing))).collect()
    }

    async fn submit_together(&self, specs: Vec<Bytes>) -> Answers<SubmitResult> {
        let sealed = Envelope::sign_all(self.key(), Spec::PAYLOAD_TYPE, specs);
        if let [spec] = &*sealed {
            return vec![self.submit_envelope(spec).await];
        }
        let batch = self.submit_batch(&sealed).await;
        let alone = |place: usize| self.submit_envelope(&sealed[place]);
        apart(batch, sealed.len(), |answer| self.submitted(answer), alone).await
    }

    fn submitted(&self, answer: v1::SubmitAnswer) -> Result<SubmitResult, ClientError> {
        let v1::SubmitAnswer { process, reason, message, retryable, retry_after_ms } = answer;
        match process {
            Some(process) => SubmitResult::read(&process),
            None => Err(self.refused(SUBMIT_BATCH, BatchRefusal { reason, message, retryable, retry_after_ms })),
        }
    }
}
