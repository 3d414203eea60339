//! Reading one process with its documents.

use std::collections::HashMap;
use std::sync::Arc;

use apiary_store::model::{Attempt, Attribute, ProcessRecord, StoredGrant, StoredProgress, cut_to_bytes};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::processes::operations::no_process;
use crate::limits::PAGE_BYTES_MAX;

/// Bytes of attempts in one answer: beside them are the spec, the last progress, their grants, and the attributes.
const ATTEMPTS_BYTES_MAX: usize = PAGE_BYTES_MAX - 7 * 1024 * 1024;
/// Bytes of an attempt's executor, its grant, names and numbers, at the most.
const ATTEMPT_FRAME_BYTES: usize = 66 * 1024;

/// A process with everything needed to verify its chain. All of it is as the database holds it: a caller who needs proof
/// verifies it against the colony's key.
pub(crate) struct ProcessDetail {
    /// The process and its signed spec.
    pub(crate) process: ProcessRecord,
    /// The submitter's grant; `None` if the database lost it.
    pub(crate) submitter: Option<Arc<StoredGrant>>,
    /// The last attempts, as many as fit into an answer, with their executors' grants, oldest first.
    pub(crate) attempts: Vec<(Attempt, Option<Arc<StoredGrant>>)>,
    /// The last signed progress with its executor's grant.
    pub(crate) progress: Option<(StoredProgress, Option<Arc<StoredGrant>>)>,
    /// The attributes.
    pub(crate) attributes: Vec<Attribute>,
    /// True if the caller may not see payloads: then spec, results, progress and attributes are left out.
    pub(crate) is_hidden: bool,
}

impl Engine {
    /// Returns a process of the caller's colony.
    pub(crate) async fn get_process(
        &self,
        permit: Permit<action::GetProcess>,
        process_id: Uuid,
    ) -> Result<ProcessDetail, Error> {
        let found = self.store.get_process(permit.colony().key, process_id).await?;
        let Some(process) = found else { return Err(self.gone(&permit, process_id).await?) };
        self.check_shown(&permit, process_id, process.submitter).await?;
        let mut attempts = newest_that_fit(self.store.attempts(process_id).await?);
        let executors = attempts.iter().map(|attempt| attempt.executor);
        let is_hidden = self.hides_payloads(&permit, process.submitter, executors).await?;
        let (progress, attributes) = if is_hidden {
            attempts.iter_mut().for_each(|attempt| attempt.result = None);
            (None, Vec::new())
        } else {
            (self.store.progress(process_id).await?, self.store.attributes(process_id).await?)
        };
        let signers =
            attempts.iter().map(|attempt| attempt.executor).chain(progress.as_ref().map(|last| last.executor));
        let mut keys: Vec<_> = signers.chain([process.submitter]).collect();
        keys.sort_unstable();
        keys.dedup();
        // Not from the cache: a caller who verifies a chain wants what the database holds now.
        let grants: HashMap<_, _> =
            self.store.grants_by_key(&keys).await?.into_iter().map(|grant| (grant.key, Arc::new(grant))).collect();
        let attempts = attempts
            .into_iter()
            .map(|attempt| {
                let grant = grants.get(&attempt.executor).cloned();
                (attempt, grant)
            })
            .collect();
        let progress = progress.map(|last| {
            let grant = grants.get(&last.executor).cloned();
            (last, grant)
        });
        Ok(ProcessDetail {
            submitter: grants.get(&process.submitter).cloned(),
            process,
            attempts,
            progress,
            attributes,
            is_hidden,
        })
    }
}

impl Engine {
    /// Returns the error for a process that is not there: it is in the archive, or unknown.
    async fn gone(&self, permit: &Permit<action::GetProcess>, process_id: Uuid) -> Result<Error, Error> {
        let colony = permit.colony();
        // What left has no submitter here any more, so to a key that sees only its own processes it does not exist.
        let found = match permit.own_only() {
            Some(_) => None,
            None => self.store.find_archive(colony.key, process_id, 1).await?.into_iter().next(),
        };
        Ok(match found {
            Some((archive, line)) => Error::Archived { process_id, object: archive.object, line },
            None => no_process(colony, process_id),
        })
    }
}

/// Cuts off the oldest if all of them would make the answer larger than a message may be.
fn newest_that_fit(mut attempts: Vec<Attempt>) -> Vec<Attempt> {
    attempts.reverse();
    cut_to_bytes(&mut attempts, ATTEMPTS_BYTES_MAX, |attempt| {
        let result = attempt.result.as_ref().map_or(0, |(payload, _)| payload.len());
        ATTEMPT_FRAME_BYTES + attempt.reason.as_ref().map_or(0, String::len) + result
    });
    attempts.reverse();
    attempts
}
