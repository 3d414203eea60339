//! Specs that are submitted together.

use apiary_identity::{Document as _, Envelope, Spec};
use apiary_proto::v1;
use bytes::Bytes;
use futures::future::join_all;
use tokio::time::timeout;

use super::batcher::Answers;
use super::processes::{SUBMIT, SUBMIT_BATCH};
use super::{BatchRefusal, Client, SubmitResult};
use crate::ClientError;

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
        let (client, bytes, after) = (self.clone(), payload.len(), self.call_timeout());
        let sending = self.shared.submits.send(payload, bytes, move |specs| {
            let client = client.clone();
            Box::pin(async move { client.submit_together(specs).await })
        });
        let timed_out = |_| ClientError::Timeout { method: SUBMIT, after };
        timeout(after, sending).await.map_err(timed_out)?
    }

    async fn submit_together(&self, specs: Vec<Bytes>) -> Answers<SubmitResult> {
        let sealed = Envelope::sign_all(self.key(), Spec::PAYLOAD_TYPE, specs);
        if let [spec] = &*sealed {
            return vec![self.submit_envelope(spec).await];
        }
        match self.submit_batch(&sealed).await {
            Ok(answers) => answers.into_iter().map(|answer| self.submitted(answer)).collect(),
            Err(error) if error.is_retryable() => vec![Err(error); sealed.len()],
            // A final refusal of the whole call says nothing of one spec: alone, each gets the answer that it would have
            // had without the others.
            Err(error) => {
                tracing::debug!(%error, specs = sealed.len(), "a batch was refused: its specs go one by one");
                join_all(sealed.iter().map(|spec| self.submit_envelope(spec))).await
            }
        }
    }

    fn submitted(&self, answer: v1::SubmitAnswer) -> Result<SubmitResult, ClientError> {
        let v1::SubmitAnswer { process, reason, message, retryable, retry_after_ms } = answer;
        match process {
            Some(process) => SubmitResult::read(&process),
            None => Err(self.refused(SUBMIT_BATCH, BatchRefusal { reason, message, retryable, retry_after_ms })),
        }
    }
}
